"""Write ``docs/reference/recipe.md``: every recipe that is shipped, and every section and key that one may have."""

from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lingula.training.recipe import Recipe

RECIPES = Path(__file__).parents[1] / "recipes"
SAYS = (
    "A recipe is one TOML file with every number of a training run; `lingula train RECIPE` runs it. These must be",
    "there: `seed`, `[data]` with its credits, `[split]`, `[finder]`, `[classifier.schedule]`, `[gate]` and",
    "`[package]` with `[package.label]` and `[package.intended_use]`. `[split]` and `[gate]` may be empty. `[finder]`",
    "has either `package` or `[finder.schedule]`, never both. Every other section may be left out. A key that does not",
    "exist is refused.",
    "`lingula train RECIPE --set classifier.schedule.epochs=3` changes one value for one run, and",
    '`extends = "other.toml"` at the top begins with another recipe: tables are merged key by key, the rest is',
    "replaced. Paths of data and weights are relative to `--data` or `LINGULA_DATA`, that of `extends` to the recipe.",
    "[Train a model](../tutorial/train-a-model.md) walks through one.",
)
_PLAIN = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
_LIMITS = {
    "minimum": "at least {:g}",
    "exclusiveMinimum": "above {:g}",
    "maximum": "at most {:g}",
    "multipleOf": "a multiple of {:g}",
}

Schema = Mapping[str, object]


def recipe_page(made: str) -> str:
    """Describe the recipes that are shipped, and the sections and keys of any.

    Parameters
    ----------
    made
        The line that says how the page is made.
    """
    shipped = [f"| `{path.name}` | {_first_sentence(path)} |" for path in sorted(RECIPES.glob("*.toml"))]
    lines = ["# Recipe", made, *SAYS, "", "## Shipped", "", "| recipe | what it is |", "|---|---|", *shipped, ""]
    lines += ["## At the top", "", *_section(Recipe, "", {})]
    return "\n".join(lines).rstrip() + "\n"


def sections() -> dict[str, type[BaseModel]]:
    """Give every section of a recipe by its heading."""
    found: dict[str, type[BaseModel]] = {}
    list(_section(Recipe, "", found))
    return found


def _first_sentence(path: Path) -> str:
    """Give the first sentence of the comment that a recipe begins with."""
    comment = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return " ".join(comment).partition(". ")[0].rstrip(".") + "."


def _section(model: type[BaseModel], path: str, seen: dict[str, type[BaseModel]]) -> Iterator[str]:
    """Describe a section's own keys, then the sections inside it."""
    properties = _mapping(model.model_json_schema(mode="validation").get("properties"))
    parts = _mapping(Recipe.model_json_schema().get("$defs"))
    inner = {key: found for key, field in model.model_fields.items() if (found := _sections_in(field.annotation))}
    rows = [
        f"| `{key}` | {_kind(_mapping(properties[key]), parts)} | {_default(field)} | {_told(field)} |"
        for key, field in model.model_fields.items()
        if key not in inner
    ]
    if rows:
        yield from ("| key | value | default | meaning |", "|---|---|---|---|", *rows, "")
    for key, (part, many) in inner.items():
        deeper = f"{path}.{key}".lstrip(".")
        heading = f"[[{deeper}]]" if many else f"[{deeper}]"
        same = next((name for name, known in seen.items() if known is part), None)
        seen[heading] = part
        yield from (f"## {heading}", "", *_paragraphs(part), "")
        if same is None:
            yield from _section(part, deeper, seen)
        else:
            yield from (f"Its keys are those of `{same}`.", "")


def _sections_in(annotation: object) -> tuple[type[BaseModel], bool] | None:
    """Find the section in ``Schedule | None`` or ``tuple[DataSource, ...]``, and whether there may be many."""
    for one in (annotation, *get_args(annotation)):
        if isinstance(one, type) and issubclass(one, BaseModel):
            return one, Ellipsis in get_args(annotation)
    return None


def _kind(value: Schema, parts: Schema) -> str:
    """Say what a key takes: its type or its choices, with their limits."""
    if "$ref" in value:
        return _kind(_mapping(parts[str(value["$ref"]).rpartition("/")[2]]), parts)
    if "anyOf" in value:
        return " or ".join(_kind(one, parts) for one in _schemas(value["anyOf"]) if one.get("type") != "null")
    if "enum" in value:
        choices = value["enum"]
        return ", ".join(f"`{choice}`" for choice in choices) if isinstance(choices, list) else ""
    if value.get("type") == "array":
        several = _schemas(value.get("prefixItems"))
        many = f"list of {len(several)}" if several else "list"
        return f"{many}: {_kind(several[0] if several else _mapping(value['items']), parts)}"
    if (value.get("minimum"), value.get("maximum")) == (0, 1):
        return f"{_PLAIN[str(value['type'])]} from 0 to 1"
    limits = [words.format(value[name]) for name, words in _LIMITS.items() if name in value]
    return ", ".join((_PLAIN[str(value["type"])], *limits))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    given = field.default
    if given is None:
        return "not set"
    if isinstance(given, bool):
        return f"`{str(given).lower()}`"
    if isinstance(given, tuple):
        return f"`{list(given)}`"
    return f"`{given.value if isinstance(given, Enum) else given}`"


def _told(field: FieldInfo) -> str:
    """Give a key's description, or what its kind of choice says of itself."""
    if field.description:
        return field.description
    kind = field.annotation
    return (kind.__doc__ or "").strip() if isinstance(kind, type) and issubclass(kind, Enum) else ""


def _paragraphs(part: type[BaseModel]) -> Iterator[str]:
    """Give a section's docstring, whose lines are as wide as the code is indented."""
    told = [" ".join(paragraph.split()) for paragraph in (part.__doc__ or "").split("\n\n")]
    yield "\n\n".join(told)


def _mapping(value: object) -> dict[str, object]:
    return {str(key): one for key, one in value.items()} if isinstance(value, dict) else {}


def _schemas(value: object) -> list[dict[str, object]]:
    return [_mapping(one) for one in value] if isinstance(value, list) else []
