"""A split file as it stands on disk: which radiograph, by the sha256 of its file, is in which part and fold."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from lingula.errors import TrainingError
from lingula.training.data.labelled import Part

SplitBy = Literal["patient", "image", "source"]
"""What is dealt to the parts: patients, single radiographs, or nothing because the source has its own parts."""

FORMAT = 2  # 1 knew no other way than by patient


class StoredSplit(BaseModel):
    """A split file; the values that stand here are those of format 1, which tore no patient apart."""

    format: int
    digest: str
    seed: int
    fold_count: int
    rows: list[tuple[str, Part, int]]
    by: SplitBy = "patient"
    patients: int = 0
    on_two_sides: int = 0


def read_stored(path: Path) -> StoredSplit:
    """Read a split file, whatever data set it was made for; raises `TrainingError` if it is none."""
    try:
        stored = StoredSplit.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TrainingError(f"{path.name} cannot be read: {error.strerror}; make it with `dataset split`") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "its beginning"
        raise TrainingError(f"{path.name} is no split file, as {where} shows; make it with `dataset split`") from error
    if stored.format > FORMAT:
        raise TrainingError(f"{path.name} has format {stored.format}, this Lingula reads up to {FORMAT}; upgrade it")
    return stored
