"""Where labelled radiographs come from: one module per kind of source."""

from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.labelled import LabelledRadiograph, Part, Source
from lingula.training.sources.folder import read_folder
from lingula.training.sources.naming import PARTS
from lingula.training.sources.table import read_table

__all__ = ["LabelledRadiograph", "Part", "Source", "read_part", "read_source"]


def read_source(location: str | Path) -> Source:
    """Read labelled radiographs from a folder per class or a CSV.

    Parameters
    ----------
    location
        A folder with ``NORMAL`` and ``PNEUMONIA`` (also under ``train``, ``val``, ``test``), or a CSV with
        ``image_path`` and ``label`` or ``target``.

    Raises
    ------
    TrainingError
        If there is nothing there, or it is no such source; the message names line and value.
    """
    path = Path(location)
    if path.is_dir():
        return read_folder(path)
    if path.is_file() and path.suffix.lower() == ".csv":
        return read_table(path)
    kind = "is neither a folder nor a .csv file" if path.exists() else "does not exist"
    raise TrainingError(f"{path} {kind}; name a folder with NORMAL and PNEUMONIA, or a CSV with image_path,label")


def read_part(location: str | Path, part: str | None) -> Source:
    """Read a source, or only the part of it that the source itself calls ``training``, ``tuning`` or ``test``.

    Raises
    ------
    TrainingError
        As `read_source`; also if there is no such part or nothing in it.
    """
    source = read_source(location)
    if part is None:
        return source
    if (wanted := PARTS.get(part.lower())) is None:
        raise TrainingError(f"part {part!r} is not training, tuning or test")
    if not (chosen := source.only(wanted)).rows:
        raise TrainingError(f"{source.name} has no radiograph in its {wanted.value} part; leave --part out for all")
    return chosen
