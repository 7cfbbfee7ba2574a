"""A recipe's file: TOML that may extend another and be overridden by `KEY=VALUE`, resolved into one text.

What is shared (data, licences, intended use) stands once, in `recipes/shared`; a recipe that extends it says only what
is different. The resolved text is what a run keeps and a package carries, so it never depends on another file.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

import tomli_w
from pydantic import BaseModel, ValidationError

from lingula.errors import TrainingError
from lingula.training.recipe import Recipe

_EXTENDS = "extends"
_DEEPEST = 5  # files that extend one another
_WAYS = {"schedule", "package"}  # to a lung finder: a recipe that names one of them wants no inherited other
_ALIKE = 0.5  # of the letters: `auroc` is near to `auroc_at_least`
_SHOULD = "Input should be "  # how pydantic begins what it expected

Tree = dict[str, object]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; raises `TrainingError` naming the place that does not hold."""
    return parse_recipe(resolve_recipe(path), name=str(path))


def parse_recipe(text: str, *, name: str) -> Recipe:
    """Check a resolved recipe; raises `TrainingError` naming the place that does not hold.

    It is checked strictly, as JSON: otherwise pydantic takes ``true`` for the number 1.
    """
    try:
        return Recipe.model_validate_json(json.dumps(tomllib.loads(text), default=str), strict=True)
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"recipe {name} is no TOML: {error}") from error
    except ValidationError as error:
        raise TrainingError(f"recipe {name}: {_first_fault(_faults(error))}") from error


def resolve_recipe(path: Path, overrides: Sequence[str] = ()) -> str:
    """Give a recipe's text with what it extends and what is overridden put in.

    Parameters
    ----------
    path
        A TOML file; its key ``extends`` names another, relative to it. Tables are merged key by key, everything else is
        replaced. A `[finder]` that names a schedule or a package takes the place of the other's. Without either the
        file's own text is given, comments and all.
    overrides
        ``classifier.schedule.epochs=5``: a dotted key and a TOML value; what is no TOML value is taken as text, and
        nothing (``data.outliers=``) takes a key or a section out.

    Raises
    ------
    TrainingError
        If a file cannot be read, extends itself, or an override has no ``=`` or takes out what is not there.
    """
    tree, text = _read(path)
    if _EXTENDS not in tree and not overrides:
        return text
    tree = _extended(tree, path, _DEEPEST)
    for override in overrides:
        tree = _overridden(tree, override)
    return f"# {path.name}, resolved{''.join(f'; {one}' for one in overrides)}\n\n{tomli_w.dumps(tree)}"


def _read(path: Path) -> tuple[Tree, str]:
    try:
        text = path.read_text()
        return tomllib.loads(text), text
    except OSError as error:
        raise TrainingError(f"recipe {path}: {error.strerror}; the shipped ones are in recipes/") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"recipe {path} is no TOML: {error}") from error


def _extended(tree: Tree, path: Path, left: int) -> Tree:
    if _EXTENDS not in tree:
        return tree
    if left == 0:
        raise TrainingError(f"recipe {path}: more than {_DEEPEST} recipes extend one another; do they go in a circle?")
    below = path.parent / str(tree[_EXTENDS])
    own = {key: value for key, value in tree.items() if key != _EXTENDS}
    return _laid_over(_extended(_read(below)[0], below, left - 1), own)


def _laid_over(below: Tree, above: Tree) -> Tree:
    """Merge two recipes; the way to a lung finder that the upper one names ends the other way."""
    under, over = below.get("finder"), above.get("finder")
    if isinstance(under, dict) and isinstance(over, dict) and len(named := _WAYS & over.keys()) == 1:
        below = below | {"finder": {key: value for key, value in under.items() if key not in _WAYS - named}}
    return _merged(below, above)


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> Tree:
    out = dict(below)
    for key, value in above.items():
        under = out.get(key)
        out[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return out


def _overridden(tree: Tree, text: str) -> Tree:
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise TrainingError(f"{text!r} overrides nothing; write it as classifier.schedule.epochs=5")
    if value.strip():
        return _laid_over(tree, _valued(text, key, value))
    return _without(tree, tuple(part.strip() for part in key.split(".")), text)


def _without(tree: Tree, path: tuple[str, ...], text: str) -> Tree:
    """Give a tree without the key at the end of a path."""
    first, *rest = path
    under = tree.get(first)
    if first not in tree or (rest and not isinstance(under, dict)):
        raise TrainingError(f"{text!r} takes nothing out: the recipe has no {first!r} there")
    left = {key: value for key, value in tree.items() if key != first}
    return left | {first: _without(under, tuple(rest), text)} if rest and isinstance(under, dict) else left


def _valued(text: str, key: str, value: str) -> Tree:
    try:
        tree: Tree = tomllib.loads(f"{key} = {value}")
    except tomllib.TOMLDecodeError:
        try:
            tree = tomllib.loads(f"{key} = {tomli_w.dumps({'it': value.strip()}).partition('=')[2]}")
        except tomllib.TOMLDecodeError as error:
            raise TrainingError(f"{text!r} overrides nothing: {error}") from error
    return tree


@dataclass(frozen=True, kw_only=True)
class _Fault:
    """What does not hold in a recipe: pydantic's name for it, the keys that lead there, its words, the value."""

    kind: str
    place: tuple[str, ...]
    told: str
    given: object

    @property
    def wanted(self) -> str:
        """What was expected, without why the value was not that: ``'all' or 'head'``, ``a valid integer``."""
        kinds = {"model_type": "a section", "missing": "a list with all its values", "tuple_type": "a list"}
        words = self.told.removeprefix(_SHOULD)
        return kinds.get(self.kind, words if "'" in words else words.partition(", ")[0])


def _faults(error: ValidationError) -> list[_Fault]:
    return [
        _Fault(kind=one["type"], place=_place(one["loc"]), told=one["msg"], given=one["input"])
        for one in error.errors()
    ]


def _first_fault(faults: Sequence[_Fault]) -> str:
    """Say what is wrong first; a key that nobody knows explains one that is missing, and so comes before it."""
    unknown = [fault for fault in faults if fault.kind == "extra_forbidden"]
    if unknown:
        return _unknown(unknown[0].place)
    first = faults[0]
    where = ".".join(first.place)
    if first.kind == "missing":
        return f"{where} is missing"
    if not first.told.startswith(_SHOULD):
        return f"{where}: ".removeprefix(": ") + first.told.removeprefix("Value error, ")
    wanted = dict.fromkeys(fault.wanted for fault in faults if fault.place == first.place)
    it_is = f"; it is {_in_toml(first.given)}" if isinstance(first.given, bool | int | float | str) else ""
    return f"{where} should be {', or '.join(wanted)}{it_is}"


def _in_toml(value: float | str) -> str:
    """Write a value as a recipe does; a truth value is a number to Python, too."""
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _unknown(place: Sequence[str]) -> str:
    """Name a key that no recipe has, and the one that may have been meant."""
    section, key = [part for part in place[:-1] if not part.isdigit()], place[-1]
    model = _models(place[:-1])[-1]
    known = list(model.model_fields) if model is not None else []
    near = get_close_matches(key, known, n=1, cutoff=_ALIKE)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    where = f"in [{'.'.join(section)}]" if section else "at the top"
    return f"unknown key {key!r} {where}; {hint}"


def _place(loc: Sequence[int | str]) -> tuple[str, ...]:
    """Give the keys of a recipe that lead to an error; pydantic also names the branches of a choice it tried."""
    path = [str(part) for part in loc]
    models = _models(path)[:-1]
    branch = next((at for at, model in enumerate(models) if model is None and not path[at].isdigit()), len(path))
    return tuple(path[:branch])


def _models(place: Sequence[str]) -> list[type[BaseModel] | None]:
    """Give the parts of a recipe from the whole to the last of some keys; None where a key leads to a plain value."""
    models: list[type[BaseModel] | None] = [Recipe]
    for part in place:
        model = models[-1]
        field = None if model is None or part.isdigit() else model.model_fields.get(part)
        models.append(model if part.isdigit() else _model_in(field.annotation) if field is not None else None)
    return models


def _model_in(annotation: object) -> type[BaseModel] | None:
    """Find the part of a recipe in an annotation such as ``Schedule | None`` or ``tuple[DataSource, ...]``."""
    found = (one for one in (annotation, *get_args(annotation)) if isinstance(one, type) and issubclass(one, BaseModel))
    return next(found, None)
