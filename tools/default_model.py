"""``make default-model``: train the shipped package again from LINGULA_DATA, print its evidence, put it in place."""

import sys
from pathlib import Path

from lingula.doors.cli.main import run
from lingula.modelpackage.archive import read_package, shipped_package_path

ROOT = Path(__file__).parents[1]
RECIPE = ROOT / "recipes" / "default.toml"
RUN = ROOT / "runs" / "default"
SHIPPED = ROOT / "src" / "lingula" / "shipped"


def main() -> int:
    """Train, export, show the model card; an interrupted run goes on where it stopped."""
    for step in (["train", str(RECIPE), "--out", str(RUN)], ["export", str(RUN), "--out", str(SHIPPED)]):
        code = run(step)
        if code != 0:
            return code
    sys.stdout.write(read_package(shipped_package_path()).model_card)
    return 0


if __name__ == "__main__":
    sys.exit(main())
