"""The public sets known by name: which there are, how each is read, and which can be fetched."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lingula.errors import TrainingError
from lingula.training.data.labelled import Source
from lingula.training.sources import dicom_folder
from lingula.training.sources.chexpert import CHEXPERT, read_chexpert
from lingula.training.sources.kermany import KERMANY, KERMANY_ARCHIVE, read_kermany
from lingula.training.sources.location import Choices, Options
from lingula.training.sources.nih import NIH, read_nih
from lingula.training.sources.published import Archive, PublicSet
from lingula.training.sources.rsna import RSNA, read_rsna
from lingula.training.sources.vindr_pcxr import VINDR_PCXR, read_vindr_pcxr

Reader = Callable[[Path, Options], Source]
"""Reads a set from its folder, with every option chosen."""


@dataclass(frozen=True, kw_only=True)
class KnownSet:
    """A public set with its reader, and its archive if its licence lets everybody fetch it."""

    terms: PublicSet
    read: Reader
    archive: Archive | None = None


PUBLIC_SETS: Mapping[str, KnownSet] = {
    known.terms.name: known
    for known in (
        KnownSet(terms=KERMANY, read=read_kermany, archive=KERMANY_ARCHIVE),
        KnownSet(terms=RSNA, read=read_rsna),
        KnownSet(terms=NIH, read=read_nih),
        KnownSet(terms=CHEXPERT, read=read_chexpert),
        KnownSet(terms=VINDR_PCXR, read=read_vindr_pcxr),
    )
}

READERS: Mapping[str, Reader] = {name: known.read for name, known in PUBLIC_SETS.items()} | {
    "dicom": dicom_folder.read_dicom_folder
}
"""The reader of each kind of location."""

KINDS: Mapping[str, Choices] = {name: known.terms.choices for name, known in PUBLIC_SETS.items()} | {
    "dicom": dicom_folder.CHOICES
}
"""The options of each kind of location."""


def archive_of(name: str) -> Archive:
    """Give the archive of a public set.

    Raises
    ------
    TrainingError
        If there is no such set, or its publisher gives it only to those who accept its terms.
    """
    if (known := PUBLIC_SETS.get(name)) is None:
        raise TrainingError(f"there is no public set {name!r}; there are {', '.join(PUBLIC_SETS)}")
    if known.archive is None:
        raise TrainingError(
            f"{name} is not fetched by Lingula: accept its terms and fetch it at {known.terms.home}, "
            f"then name the folder as {name}:FOLDER"
        )
    return known.archive
