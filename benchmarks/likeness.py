"""``python -m benchmarks.likeness``: what it costs to find that a radiograph came before by another way.

A made chest of twelve bits is written by DCMTK in other transfer syntaxes, and each file is compared with the first in
a process of its own, so that the memory it took is its own, too. The larger size is the largest that is decoded.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from lingula.radiology.likeness import liken

SIZES = ((2400, 2400), (5600, 5700))
WAYS = {
    "implicit VR": ("dcmconv", "+ti"),
    "big endian": ("dcmconv", "+tb"),
    "RLE": ("dcmcrle",),
    "JPEG-LS": ("dcmcjpls", "+el"),
    "JPEG lossless": ("dcmcjpeg", "+e1"),
    "JPEG, lossy": ("dcmcjpeg", "+ee", "+q", "60", "--uid-never"),
}


def _write(file: Path, rows: int, columns: int) -> None:
    """Write smooth shadows with some noise, as a detector of twelve bits gives them."""
    across, down = np.arange(columns) / 400.0, np.arange(rows) / 300.0
    noise = np.random.default_rng(1).normal(0.0, 8.0, (rows, columns))
    stored = np.clip((np.add.outer(np.cos(down), np.sin(across)) + 2.0) * 819.0 + noise, 0, 4095).astype(np.uint16)
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.3.4"
    made.StudyInstanceUID, made.SeriesInstanceUID, made.PatientID, made.Modality = "1.2.3", "1.2.3.1", "made", "DX"
    made.Rows, made.Columns, made.SamplesPerPixel, made.PhotometricInterpretation = rows, columns, 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.WindowCenter, made.WindowWidth, made.PixelData = 2048, 4096, stored.tobytes()
    made["PixelData"].VR = "OW"
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dcmwrite(file, made, enforce_file_format=True)


def _compare(first: Path, second: Path) -> None:
    """Compare here, and print what was found and what it took."""
    files = first.read_bytes(), second.read_bytes()
    before = _most_mebibytes()
    started = time.perf_counter()
    likeness = liken(*files)
    seconds = time.perf_counter() - started
    print(json.dumps({"likeness": likeness, "seconds": seconds, "mebibytes": _most_mebibytes() - before}))


def _most_mebibytes() -> float:
    """Give the most memory this program has held; unlike `getrusage` it forgets whoever started it."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def main() -> None:
    """Measure and print."""
    if len(sys.argv) > 1:
        _compare(*map(Path, sys.argv[1:3]))
        return
    print(f"{'pixels':<12} {'second file':<14} {'found':<12} {'seconds':>8} {'MiB more':>9}")
    with tempfile.TemporaryDirectory() as name:
        first, second = Path(name) / "first.dcm", Path(name) / "second.dcm"
        for rows, columns in SIZES:
            _write(first, rows, columns)
            for way, command in WAYS.items():
                subprocess.run([*command, str(first), str(second)], check=True)  # noqa: S603 - words of this file
                asked = [sys.executable, "-m", "benchmarks.likeness", str(first), str(second)]
                found = json.loads(subprocess.run(asked, check=True, capture_output=True).stdout)  # noqa: S603 - ourselves
                figures = f"{found['seconds']:>8.2f} {found['mebibytes']:>9.0f}"
                print(f"{f'{rows} x {columns}':<12} {way:<14} {found['likeness']:<12} {figures}", flush=True)


if __name__ == "__main__":
    main()
