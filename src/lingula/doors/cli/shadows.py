"""``lingula models shadow`` and ``compare-shadow``: a candidate beside the package that serves."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lingula.doors.cli.output import say, show_line
from lingula.doors.cli.shelved import AsJson, open_registry, show_one

if TYPE_CHECKING:
    from lingula.registry import Registry
    from lingula.training.evaluation.shadow_report import ShadowReport

_STOPPED = "stopped by hand"


def shadow(
    *,
    name: Annotated[
        str | None, typer.Argument(help="NAME-VERSION, or NAME for its newest version.", show_default=False)
    ] = None,
    because: Annotated[str | None, typer.Option(help="The reason, kept in the history.", show_default=False)] = None,
    stop: Annotated[bool, typer.Option("--stop", help="End the shadow; what it stated stays.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let a candidate assess every radiograph beside the package that serves, shown to nobody."""
    registry, who = open_registry(), getpass.getuser()
    if stop:
        show_one(registry.stop_shadow(because=because or _STOPPED, who=who), as_json=as_json)
        return
    if name is None or because is None:
        raise typer.BadParameter("name a package and say why with --because, or end the shadow with --stop")
    show_one(registry.start_shadow(name, because=because, who=who), as_json=as_json)
    say("running servers begin within seconds; `lingula models compare-shadow` shows what comes of it")


def compare_shadow(
    *,
    name: Annotated[
        str | None, typer.Argument(help="The candidate.", show_default="the one in shadow, or the last one")
    ] = None,
    as_json: AsJson = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write the report there: JSON if it ends so, else text.")
    ] = None,
) -> None:
    """Print how often and where a candidate in shadow says something else than the package that served."""
    from lingula.training.evaluation.shadow_report import report_lines

    report = _compared(open_registry(), name)
    as_text = "\n".join(report_lines(report))
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text((report.model_dump_json(indent=2) if out.suffix == ".json" else as_text) + "\n")
    show_line(report.model_dump_json() if as_json else as_text)


def _compared(registry: "Registry", name: str | None) -> "ShadowReport":
    from lingula.errors import NotFound
    from lingula.registry import Action
    from lingula.settings import load_settings
    from lingula.training.evaluation.shadow_report import report_shadow
    from lingula.wiring.places import open_shadows

    label = registry.show(name).label if name else None
    begun = [
        one for one in registry.history() if one.action is Action.SHADOW and (label is None or one.package == label)
    ]
    if not begun:
        who = f"{label} was never" if label else "no package was ever"
        raise NotFound(f"{who} in shadow; begin with `lingula models shadow NAME --because REASON`")
    candidate = registry.show(begun[-1].package)
    with open_shadows(load_settings()) as shadows:
        counts = shadows.shadow_counts(candidate.sha256, begun[-1].at)
        return report_shadow(candidate.label, shadows.shadow_pairs(candidate.sha256, begun[-1].at), counts)
