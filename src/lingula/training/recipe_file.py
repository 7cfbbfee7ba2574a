"""A recipe's file: TOML that may extend another and be overridden by `KEY=VALUE`, resolved into one text.

What is shared (data, licences, intended use) stands once, in `recipes/shared`; a recipe that extends it says only what
is different. The resolved text is what a run keeps and a package carries, so it never depends on another file.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

import tomli_w
from pydantic import ValidationError

from lingula.errors import TrainingError
from lingula.training.recipe import Recipe

_EXTENDS = "extends"
_DEEPEST = 5  # files that extend one another

Tree = dict[str, object]


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; raises `TrainingError` naming the place that does not hold."""
    return parse_recipe(resolve_recipe(path), name=str(path))


def parse_recipe(text: str, *, name: str) -> Recipe:
    """Check a resolved recipe; raises `TrainingError` naming the place that does not hold."""
    try:
        return Recipe.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise TrainingError(f"recipe {name} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise TrainingError(f"recipe {name}: {where}: {first['msg']}") from error


def resolve_recipe(path: Path, overrides: Sequence[str] = ()) -> str:
    """Give a recipe's text with what it extends and what is overridden put in.

    Parameters
    ----------
    path
        A TOML file; its key ``extends`` names another, relative to it. Tables are merged key by key, everything else is
        replaced. Without either the file's own text is given, comments and all.
    overrides
        ``classifier.schedule.epochs=5``: a dotted key and a TOML value; what is no TOML value is taken as text.

    Raises
    ------
    TrainingError
        If a file cannot be read, extends itself, or an override has no ``=``.
    """
    tree, text = _read(path)
    if _EXTENDS not in tree and not overrides:
        return text
    tree = _extended(tree, path, _DEEPEST)
    for override in overrides:
        tree = _merged(tree, _override(override))
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
    return _merged(_extended(_read(below)[0], below, left - 1), own)


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> Tree:
    out = dict(below)
    for key, value in above.items():
        under = out.get(key)
        out[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return out


def _override(text: str) -> Tree:
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise TrainingError(f"{text!r} overrides nothing; write it as classifier.schedule.epochs=5")
    try:
        tree: Tree = tomllib.loads(f"{key} = {value}")
    except tomllib.TOMLDecodeError:
        try:
            tree = tomllib.loads(f"{key} = {tomli_w.dumps({'it': value.strip()}).partition('=')[2]}")
        except tomllib.TOMLDecodeError as error:
            raise TrainingError(f"{text!r} overrides nothing: {error}") from error
    return tree
