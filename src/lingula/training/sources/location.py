"""What a person writes to name a data set: a path, or ``KIND:FOLDER?OPTION=VALUE``.

A plain path is a folder per class or a CSV. ``dicom:`` and the names of public sets, such as ``nih:``, say how a folder
is arranged; options, as in a URL, choose among policies: ``chexpert:/data/CheXpert?uncertain=pneumonia``.

>>> locate("nih:/data/nih?others=normal", kinds={"nih": {"others": ("unknown", "normal")}})
Location(kind='nih', path=PosixPath('/data/nih'), options={'others': 'normal'})
>>> locate("/data/nih", kinds={"nih": {}})
Location(kind=None, path=PosixPath('/data/nih'), options={})
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lingula.errors import TrainingError

Options = Mapping[str, str]
"""What was chosen, by option."""

Choices = Mapping[str, Sequence[str]]
"""What may be chosen, by option, the default first; an option without choices takes any text."""


@dataclass(frozen=True, kw_only=True)
class Location:
    """A data set named by a person: its kind, None for a plain path, and what was chosen."""

    kind: str | None
    path: Path
    options: dict[str, str]


def locate(text: str | Path, *, kinds: Mapping[str, Choices], below: Path | None = None) -> Location:
    """Read the name of a data set.

    Parameters
    ----------
    kinds
        The kinds there are, and the options of each.
    below
        The folder relative paths start from; None is the current one.

    Raises
    ------
    TrainingError
        If the kind is known but names no folder, or an option or its value is not among the choices.
    """
    kind, colon, rest = str(text).partition(":")
    if not colon or kind not in kinds:
        return Location(kind=None, path=_below(str(text), below), options={})
    folder, _, query = rest.partition("?")
    if not folder:
        raise TrainingError(f"{text!s} names no folder; write {kind}:FOLDER")
    return Location(kind=kind, path=_below(folder, below), options=_options(kind, query, kinds[kind]))


def _below(folder: str, below: Path | None) -> Path:
    path = Path(folder).expanduser()
    return path if below is None else below / path


def _options(kind: str, query: str, choices: Choices) -> dict[str, str]:
    options = {name: values[0] for name, values in choices.items() if values}
    for word in query.split("&") if query else ():
        name, equals, value = word.partition("=")
        if name not in choices or not equals:
            allowed = ", ".join(choices) or "none"
            raise TrainingError(f"option {word!r} of {kind}: is not known; there are: {allowed}")
        if choices[name] and value not in choices[name]:
            raise TrainingError(f"option {name}={value} of {kind} is not one of {', '.join(choices[name])}")
        options[name] = value
    return options
