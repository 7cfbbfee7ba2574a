"""What a radiograph is called where it is put under a name: after its content, never after its file or its patient."""

import hashlib
from pathlib import PurePosixPath

ENDINGS = frozenset({".dcm", ".dicom", ".jpg", ".jpeg", ".png", ".tif", ".tiff"})


def name_for(data: bytes, name: str) -> str:
    """Give a name that is the same for the same bytes, so that sending twice is the same as sending once.

    >>> name_for(b"abc", "Ann Example_1970.JPG")
    'ba7816bf8f01cfea414140de5dae2223.jpg'
    >>> name_for(b"abc", "no ending")
    'ba7816bf8f01cfea414140de5dae2223.dcm'
    """
    ending = PurePosixPath(name).suffix.lower()
    return hashlib.sha256(data).hexdigest()[:32] + (ending if ending in ENDINGS else ".dcm")
