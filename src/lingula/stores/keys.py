"""What a key may be: the same for every store, so that what one keeps another can take over.

Keys are built from checked ids only; this is the second lock on the same door, and what keeps ``../`` out of folders.
"""

import re

LONGEST_KEY = 512  # characters; S3 allows 1024, a path on Linux 4096
LONGEST_SEGMENT = 128  # characters; a file name on Linux may have 255

_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")


def check_key(key: str) -> None:
    """Return if `key` is one or more segments of ``A-Z a-z 0-9 . _ -`` joined by ``/``.

    Raises
    ------
    ValueError
        If it is not; keys come from code, never from a sender, so this is a mistake in the program.
    """
    segments = key.split("/")
    if len(key) > LONGEST_KEY or not all(_is_segment(segment) for segment in segments):
        raise ValueError(f"store key {key[:LONGEST_KEY]!r} is not made of segments of A-Z a-z 0-9 . _ - joined by '/'")


def check_prefix(prefix: str) -> None:
    """Return if `prefix` may be the beginning of a key; nothing at all is the beginning of every key.

    Raises
    ------
    ValueError
        If no key can begin so.
    """
    *folders, beginning = prefix.split("/")
    is_beginning = beginning == "" or _SEGMENT.fullmatch(beginning) is not None
    if len(prefix) > LONGEST_KEY or not is_beginning or not all(_is_segment(folder) for folder in folders):
        raise ValueError(f"no store key can begin with {prefix[:LONGEST_KEY]!r}")


def _is_segment(segment: str) -> bool:
    is_dots = segment in {".", ".."}
    return len(segment) <= LONGEST_SEGMENT and not is_dots and _SEGMENT.fullmatch(segment) is not None
