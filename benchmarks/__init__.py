"""What Lingula costs, measured: `make bench` prints it beside the limits of the machine it runs on."""

import sys
from pathlib import Path

# The real servers and the DICOM files are those of the tests, which are no package.
sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
