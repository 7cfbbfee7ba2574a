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
    stored = read_stored(split)
    if stored.digest != manifest.provenance.split_digest:
        raise TrainingError(
            f"{split} has digest {stored.digest[:12]}, the package's is {manifest.provenance.split_digest[:12]}: "
            "take split.json from the package's own run"
        )
    parts = {key: part for key, part, _ in stored.rows}
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        keys = pool.map(_digest, [row.path for row in source.rows])
    found = Counter(parts[key] for key in keys if key in parts)
    return {part.value: found[part] for part in Part}


def _digest(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:  # counted as failed when it is assessed
        return None
