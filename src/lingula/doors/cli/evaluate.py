"""``lingula evaluate``: measure a package on labelled radiographs it was not made with; needs no training extra."""

from pathlib import Path
from typing import Annotated

import typer

from lingula.doors.cli.output import NOTICE, Tally, say, show_line
from lingula.doors.cli.reading import reading_rules

Data = Annotated[
    Path,
    typer.Argument(
        metavar="DATASET",
        help="A folder per class, a CSV with image_path,label, or KIND:FOLDER, such as dicom:FOLDER or nih:FOLDER.",
        show_default=False,
    ),
]
Out = Annotated[Path, typer.Option(help="Folder of the report, the numbers and the table.", show_default=False)]
Package = Annotated[
    str | None, typer.Option(help="Model package: a path, NAME or NAME-VERSION.", show_default="the one promoted")
]
OfPart = Annotated[str | None, typer.Option(help="Only what the data set itself calls training, tuning or test.")]
Pictures = Annotated[
    bool,
    typer.Option(
        "--with-pictures", help="Show radiographs with heat maps in the report: the worst and the best cases."
    ),
]
Probed = Annotated[
    int,
    typer.Option(
        "--probes", min=0, help="Radiographs drawn for stress, blanked lungs and heat map checks; 0 leaves these out."
    ),
]
Masks = Annotated[
    Path | None,
    typer.Option(help="Folder of lung masks NAME.png drawn by people, for the heat map check.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print what evaluation.json holds, on one line.")]

SplitFile = Annotated[
    Path | None,
    typer.Option(
        "--split", help="The split.json of the package's run: says which radiographs it has seen.", show_default=False
    ),
]


def evaluate(  # noqa: PLR0913  a command's options are its arguments
    *,
    dataset: Data,
    out: Out,
    package: Package = None,
    part: OfPart = None,
    with_pictures: Pictures = False,
    probes: Probed = 400,
    masks: Masks = None,
    split: SplitFile = None,
    as_json: AsJson = False,
) -> None:
    """Measure a package: ranking, operating points, calibration, groups, stress, heat maps, refusals."""
    from pydantic import TypeAdapter

    from lingula.registry import Registry
    from lingula.settings import load_settings
    from lingula.training.evaluation.evaluate import EvaluationOptions, evaluate_package
    from lingula.training.evaluation.result import EvaluationResult
    from lingula.training.probes import ProbeOptions
    from lingula.training.sources import read_part
    from lingula.triage.eligibility import reason_not_eligible
    from lingula.triage.heatmap import draw_heatmap

    source, settings = read_part(dataset, part), load_settings({"package": package})
    opened = Registry(settings.registry).open(settings.package)
    options = EvaluationOptions(
        eligibility=reason_not_eligible,
        paint=draw_heatmap if with_pictures else None,
        rules=reading_rules(),
        split=split,
        probes=ProbeOptions(radiographs=probes, masks=masks),
    )
    with Tally("assessed", len(source.rows)) as tally:
        result = evaluate_package(opened, source, out=out, options=options, progress=tally.show, told=tally.tell)
    show_line(TypeAdapter(EvaluationResult).dump_json(result).decode() if as_json else "\n".join(result.lines()))
    say(f"wrote {out / 'evaluation.html'}. {NOTICE}")
