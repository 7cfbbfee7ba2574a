"""Charts into a folder, each as SVG and as PNG."""

from collections.abc import Mapping
from pathlib import Path

from lingula.training.charts.chart import Chart
from lingula.training.charts.png import to_png
from lingula.training.charts.svg import to_svg


def write_charts(folder: Path, charts: Mapping[str, Chart]) -> list[Path]:
    """Write ``NAME.svg`` and ``NAME.png`` for each chart and say which files there are now."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, chart in charts.items():
        for ending, data in ((".svg", to_svg(chart).encode()), (".png", to_png(chart))):
            path = folder / (name + ending)
            path.write_bytes(data)
            written.append(path)
    return written
