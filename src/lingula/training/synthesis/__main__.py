"""``python -m lingula.training.synthesis``: make the shipped samples again."""

import argparse
import os
import sys
from pathlib import Path

import torch

from lingula.errors import LingulaError
from lingula.modelpackage.archive import shipped_package_path
from lingula.training.synthesis.choosing import open_judge
from lingula.training.synthesis.cohort import read_cohort
from lingula.training.synthesis.making import Order, make_samples

_SAMPLES = Path(__file__).parents[2] / "shipped" / "samples"


def main() -> int:
    """Read the command line, make the samples, say what was made."""
    parser = argparse.ArgumentParser(prog="python -m lingula.training.synthesis", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder with chest_xray/ (default: LINGULA_DATA)")
    parser.add_argument("--out", type=Path, default=_SAMPLES, help="folder for the samples (default: the shipped one)")
    parser.add_argument("--package", type=Path, help="model package that helps to choose (default: the shipped one)")
    parser.add_argument("--per-class", type=int, default=Order.per_class, help="samples of each class")
    parser.add_argument("--tries", type=int, default=Order.tries, help="candidates per sample at most")
    parser.add_argument("--seed", type=int, default=Order.seed, help="decides everything")
    asked = parser.parse_args()
    data = asked.data or (Path(os.environ["LINGULA_DATA"]) if "LINGULA_DATA" in os.environ else None)
    if data is None:
        parser.error("no training pictures: give --data or set LINGULA_DATA")
    torch.set_num_threads(1)
    order = Order(per_class=asked.per_class, tries=asked.tries, seed=asked.seed)
    try:
        judge = open_judge(asked.package or shipped_package_path())
        make_samples(read_cohort(data / "chest_xray"), judge, order, asked.out, _say)
    except LingulaError as error:
        parser.error(str(error))
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
