"""Where labelled radiographs come from: one module per kind of source."""

from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.labelled import LabelledRadiograph, Part, Source
from lingula.training.sources.catalogue import KINDS, READERS
from lingula.training.sources.folder import read_folder
from lingula.training.sources.location import locate
from lingula.training.sources.naming import PARTS
from lingula.training.sources.table import read_table

__all__ = ["LabelledRadiograph", "Part", "Source", "read_part", "read_source"]


def read_source(location: str | Path, *, below: Path | None = None) -> Source:
    """Read labelled radiographs from wherever a person says they are.

    Parameters
    ----------
    location
        A folder with ``NORMAL`` and ``PNEUMONIA`` (also under ``train``, ``val``, ``test``); a CSV with ``image_path``
        and ``label`` or ``target``; ``dicom:FOLDER?labels=FILE``; or a public set, ``NAME:FOLDER?OPTION=VALUE``.
    below
        The folder a relative path starts from; None is the current one.

    Raises
    ------
    TrainingError
        If there is nothing there, or it is no such source; the message names line and value.
    """
    named = locate(location, kinds=KINDS, below=below)
    if named.kind is not None:
        return READERS[named.kind](named.path, named.options)
    path = named.path
    if path.is_dir():
        return read_folder(path)
    if path.is_file() and path.suffix.lower() == ".csv":
        return read_table(path)
    kind = "is neither a folder nor a .csv file" if path.exists() else "does not exist"
    raise TrainingError(
        f"{path} {kind}; name a folder with NORMAL and PNEUMONIA, a CSV with image_path,label, or one of "
        f"{', '.join(f'{name}:FOLDER' for name in KINDS)}"
    )


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
