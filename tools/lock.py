"""Resolve every dependency of every extra once and write the versions into ``constraints.txt``.

Installs made with ``-c constraints.txt`` are then the same everywhere; the local part of a version (``+cpu``) is left
out, so that any build of that version fits.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAD = "# Made by `make lock`: the versions every install of Lingula uses.\n"


def main() -> None:
    """Ask pip for a resolution from nothing, without installing it."""
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--report", "-"),
        ".[train,scale,dev]",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - no outside words
    if run.returncode:
        sys.exit(run.stderr)
    found = {one["metadata"]["name"]: one["metadata"]["version"] for one in json.loads(run.stdout)["install"]}
    found.pop("lingula")
    pins = sorted(f"{name.lower().replace('_', '-')}=={version.split('+')[0]}" for name, version in found.items())
    (ROOT / "constraints.txt").write_text(HEAD + "\n".join(pins) + "\n")
    sys.stdout.write(f"constraints.txt: {len(pins)} versions\n")


if __name__ == "__main__":
    main()
