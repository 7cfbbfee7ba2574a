"""Which radiographs of an evaluation the package has seen before: told by its run's split file, file by file.

A package carries its split's digest and no radiograph's key, so the file must be given; another run's file is refused.
"""

import hashlib
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lingula.errors import TrainingError
from lingula.modelpackage.manifest import Manifest
from lingula.training.data.labelled import Part, Source
from lingula.training.data.split_file import read_stored


def count_seen(source: Source, split: Path, manifest: Manifest) -> dict[str, int]:
    """Count the radiographs of a source in each part of the package's own split; all are 0 if it saw none of them.

    Radiographs are the same if their files are, byte for byte: the same radiograph saved anew is not found.

    Raises
    ------
    TrainingError
        If the file is no split, or not the package's.
    """
    parts = read_own_parts(split, manifest)
    found = Counter(parts[key] for key in digest_files(source) if key in parts)
    return {part.value: found[part] for part in Part}


def read_own_parts(split: Path, manifest: Manifest) -> dict[str, Part]:
    """Give the part of each file of a package's own split, by the sha256 of its bytes.

    Raises
    ------
    TrainingError
        If the file is no split, or not the package's.
    """
    stored = read_stored(split)
    if stored.digest != manifest.provenance.split_digest:
        raise TrainingError(
            f"{split} has digest {stored.digest[:12]}, the package's is {manifest.provenance.split_digest[:12]}: it "
            f"is not the split of {manifest.name}; take it from the package's own run"
        )
    return {key: part for key, part, _ in stored.rows}


def digest_files(source: Source) -> list[str | None]:
    """Give the sha256 of the bytes of each radiograph's file, in the source's order; None of what cannot be opened."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return list(pool.map(_digest, [row.path for row in source.rows]))


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:  # counted as failed when it is assessed
        return None
