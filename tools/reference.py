"""Write the pages of ``docs/reference`` that follow from the code: settings, command line, recipes, errors.

``make reference`` writes them; a test compares them, so that a page never says what the program does not do.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from typer.core import TyperGroup
from typer.main import get_command

from lingula import errors
from lingula.doors.cli.exits import EXITS, OTHERS, exit_code
from lingula.doors.cli.main import app
from lingula.doors.dicom.statuses import status_of
from lingula.doors.http.problems import problem_of
from lingula.errors import LingulaError
from lingula.modelpackage.manifest import Manifest
from lingula.settings import PREFIX, Settings
from tools.recipe_reference import recipe_page

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
MADE = "<!-- Made by `make reference`; change the code, not this page. -->\n"
SETTINGS_SAY = (
    "Values come from a command's flags, then the environment, then `lingula.toml` in the working directory (there",
    "without the prefix and in lower case: `http_port = 8000`), then the defaults. `lingula settings` prints what is",
    "in effect and where it came from. A name that does not exist is refused, and so is a secret that is well known",
    "or short.",
)
ERRORS_SAY = (
    "Every error Lingula raises on purpose, and what it becomes at each door. Anything else is answered with HTTP 500",
    "or exit code 70 and an id under which the log has the trace, or with status 0x0110 of C-STORE.",
    "A radiograph that is received but not eligible is kept and answered with 201 or status 0x0000; the table's 422 is",
    "for what cannot be given of it, such as a picture it has not.",
)
_COMPUTED = {
    "home": "`~/.local/share/lingula`",
    "store_url": "`file://LINGULA_HOME/store`",
    "records_url": "`sqlite://LINGULA_HOME/records.sqlite`",
    "registry": "`LINGULA_HOME/packages`",
    "workers": "one per core",
}


def pages() -> dict[str, str]:
    """Give each page's text by its file's name."""
    return {
        "settings.md": settings_page(),
        "cli.md": cli_page(),
        "errors.md": errors_page(),
        "recipe.md": recipe_page(MADE),
        "manifest.schema.json": json.dumps(Manifest.model_json_schema(), indent=2) + "\n",
    }


def settings_page() -> str:
    """Describe every setting."""
    lines = ["# Settings", MADE, *SETTINGS_SAY, "", "| name | default | meaning |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = _COMPUTED.get(name) or ("not set" if field.default in (None, ()) else f"`{field.default}`")
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Describe every command with its arguments and options, and the exit codes."""
    lines = ["# Command line", MADE, "`lingula --help` groups the commands; each explains itself with `--help`.", ""]
    group = get_command(app)
    if not isinstance(group, TyperGroup):
        raise TypeError("the program is a group of commands")
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            lines += [f"## lingula {name}", "", command.help or "", ""]
            for inner, one in command.commands.items():
                lines += [f"### lingula {name} {inner}", "", *_described(one)]
        else:
            lines += [f"## lingula {name}", "", *_described(command)]
    lines += ["## Exit codes", "", "| code | meaning |", "|---|---|"]
    rows = sorted({(row.code, row.meaning) for row in EXITS} | set(OTHERS))
    lines += [f"| {code} | {meaning} |" for code, meaning in rows]
    return "\n".join(lines) + "\n"


def errors_page() -> str:
    """Describe every error and what each door makes of it."""
    lines = [
        "# Errors",
        MADE,
        *ERRORS_SAY,
        "",
        "| error | meaning | HTTP | C-STORE | exit code |",
        "|---|---|---|---|---|",
    ]
    for kind in _error_types():
        meaning = (inspect.getdoc(kind) or "").split("\n\n")[0].replace("\n", " ")
        http, dicom = int(problem_of(kind("")).status), f"0x{status_of(kind('')):04X}"
        lines.append(f"| `{kind.__name__}` | {meaning} | {http} | {dicom} | {exit_code(kind(''))} |")
    lines += ["", "The tree:", "", "```text", _tree(), "```"]
    return "\n".join(lines) + "\n"


def _described(command: object) -> Iterator[str]:
    yield getattr(command, "help", "") or ""
    yield ""
    params = [one for one in getattr(command, "params", []) if one.name != "help"]
    if params:
        yield "| argument or option | meaning |"
        yield "|---|---|"
    for one in params:
        is_option = one.param_type_name == "option"
        name = ", ".join(one.opts) if is_option else (one.metavar or str(one.name).upper())
        yield f"| `{name}` | {getattr(one, 'help', '') or ''}{_default(one)} |"
    if params:
        yield ""


def _default(parameter: object) -> str:
    shown, default = getattr(parameter, "show_default", None), getattr(parameter, "default", None)
    if isinstance(shown, str):
        return f" Default: {shown}."
    if shown is False or default in (None, False, "", ()):
        return ""
    return f" Default: `{default}`."


def _error_types() -> list[type[LingulaError]]:
    return [
        kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, LingulaError) and kind is not LingulaError
    ]


def _tree() -> str:
    drawn = (errors.__doc__ or "").split("::\n\n", 1)[1].split("\n\n", 1)[0]
    return inspect.cleandoc(drawn)


def main() -> None:
    """Write the pages."""
    if sys.argv[1:]:
        sys.exit(f"{sys.argv[1]!r} is not known: this takes no arguments and writes the pages of docs/reference")
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote docs/reference/{name}\n")


if __name__ == "__main__":
    main()
