"""``lingula assess``: assess files on this machine, with no server, store or record."""

import json
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.exits import OK, UNREADABLE
from lingula.doors.cli.files import Given, find_files
from lingula.doors.cli.output import NOTICE, Plain, Tally, say, show_line

if TYPE_CHECKING:
    from lingula.triage.finding import Finding
    from lingula.triage.infer import Model

_AHEAD = 4  # files read ahead for each core


def assess(
    *,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files, or folders of files.", show_default=False)
    ],
    package: Annotated[
        str | None,
        typer.Option(help="Model package: a path, or a registered NAME or NAME-VERSION.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per file.")] = False,
    heatmap_dir: Annotated[
        Path | None, typer.Option(help="Folder for a heat map of each assessed file.", show_default=False)
    ] = None,
) -> int:
    """Assess radiographs offline; ends with 0 if all were assessed or not eligible, 2 if any was unreadable."""
    from lingula.registry import Registry
    from lingula.settings import load_settings
    from lingula.triage.infer import Engine, Model

    files = find_files(paths)
    settings = load_settings({"package": package})
    model = Model(
        Registry(settings.registry).open(settings.package), engine=Engine(settings.engine), threads=1, largest_batch=1
    )
    way = _Way(model, settings.upload_limit_bytes, _HeatMaps(heatmap_dir) if heatmap_dir else None)
    is_whole = True
    with Tally("assessed", len(files)) as tally:
        for given, finding in _assess_in_order(files, way, settings.workers):
            is_whole = is_whole and finding.status != "failed"
            row = _row(given.path, finding, model)
            show_line(json.dumps(row, ensure_ascii=False) if as_json else _line(row))
            tally.step()
    if not as_json and files:
        say(f"{model.package.label}. {NOTICE}")
    return OK if is_whole else UNREADABLE


def _assess_in_order(files: Iterable[Given], way: "_Way", workers: int) -> Iterator[tuple[Given, "Finding"]]:
    """Assess on all cores, a bounded number of files ahead, and give the findings in the files' order."""
    under_way: deque[tuple[Given, Future[Finding]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for given in files:
            under_way.append((given, pool.submit(way.assess, given)))
            if len(under_way) > workers * _AHEAD:
                first, future = under_way.popleft()
                yield first, future.result()
        for given, future in under_way:
            yield given, future.result()


class _Way:
    """What each file goes through."""

    def __init__(self, model: "Model", limit_bytes: int, heat_maps: "_HeatMaps | None") -> None:
        self._model = model
        self._limit_bytes = limit_bytes
        self._heat_maps = heat_maps

    def assess(self, given: Given) -> "Finding":
        """Assess one file; what cannot be read is a failure with its reason."""
        from lingula.triage.assess import assess_bytes
        from lingula.triage.finding import fail

        try:
            size_bytes = given.path.stat().st_size
            if size_bytes > self._limit_bytes:
                reason = f"the file has {size_bytes:,} bytes; at most {self._limit_bytes:,} are read"
                return fail(f"{reason}: raise LINGULA_UPLOAD_LIMIT_BYTES", is_stat=False, seconds=0.0)
            data = given.path.read_bytes()
        except OSError as error:
            return fail(f"the file cannot be read: {error.strerror}; check its rights", is_stat=False, seconds=0.0)
        finding = assess_bytes(data, self._model)
        if self._heat_maps:
            self._heat_maps.keep(given, data, finding)
        return finding


class _HeatMaps:
    """A folder that gets ``NAME.heatmap.png`` for each assessed file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, given: Given, data: bytes, finding: "Finding") -> None:
        """Draw and write the heat map, if there is one."""
        from lingula.radiology.reading import read_radiograph
        from lingula.triage.heatmap import draw_heatmap

        if finding.activation_map is None or finding.lung_mask is None:
            return
        path = self._folder / given.name.with_name(given.name.name + ".heatmap.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(draw_heatmap(read_radiograph(data), finding.activation_map, finding.lung_mask))


def _row(path: Path, finding: "Finding", model: "Model") -> dict[str, Plain]:
    return {
        "path": str(path),
        "status": finding.status.value,
        "reason": finding.reason,
        "probability": finding.probability,
        "band": finding.band.value if finding.band else None,
        "priority": finding.priority.value,
        "novelty": None if finding.novelty is None else round(finding.novelty, 4),
        "package": model.package.label,
        "package_sha256": model.package.sha256,
        "seconds": round(finding.seconds, 4),
    }


def _line(row: dict[str, Plain]) -> str:
    if row["probability"] is None:
        return f"{row['path']}  {row['status']}, {row['priority']}: {row['reason']}"
    return f"{row['path']}  {row['band']} {row['probability']:.3f}, {row['priority']}"
