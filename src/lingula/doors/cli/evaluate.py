"""``lingula evaluate``: measure a package on labelled radiographs it was not made with; needs no training extra."""

from pathlib import Path
from typing import Annotated

import typer

from lingula.doors.cli.output import NOTICE, Tally, say, show_line

Data = Annotated[
    Path,
    typer.Argument(metavar="DATASET", help="A folder per class, or a CSV with image_path,label.", show_default=False),
]
Out = Annotated[Path, typer.Option(help="Folder of the report, the numbers and the table.", show_default=False)]
Package = Annotated[
    str | None, typer.Option(help="Model package: a path, NAME or NAME-VERSION.", show_default="the one promoted")
]
OfPart = Annotated[str | None, typer.Option(help="Only what the data set itself calls training, tuning or test.")]
Pictures = Annotated[
    bool, typer.Option("--with-pictures", help="Show the most wrongly decided radiographs in the report.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what evaluation.json holds, on one line.")]


def evaluate(
    *,
    dataset: Data,
    out: Out,
    package: Package = None,
    part: OfPart = None,
    with_pictures: Pictures = False,
    as_json: AsJson = False,
) -> None:
    """Measure a package: ranking, operating points, calibration, refusals, each with its interval."""
    from pydantic import TypeAdapter

    from lingula.registry import Registry
    from lingula.settings import load_settings
    from lingula.training.evaluate import evaluate_package
    from lingula.training.result import EvaluationResult
    from lingula.training.sources import read_part
    from lingula.triage.eligibility import reason_not_eligible

    source = read_part(dataset, part)
    settings = load_settings({"package": package})
    opened = Registry(settings.registry).open(settings.package)
    with Tally("assessed", len(source.rows)) as tally:
        result = evaluate_package(
            opened,
            source,
            out=out,
            progress=tally.show,
            eligibility=reason_not_eligible,
            with_pictures=with_pictures,
        )
    if as_json:
        show_line(TypeAdapter(EvaluationResult).dump_json(result).decode())
    else:
        for line in result.lines():
            show_line(line)
    say(f"wrote {out / 'evaluation.html'}. {NOTICE}")
