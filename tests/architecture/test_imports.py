"""The import contracts hold, and they are the ones the design drew."""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_import_contract_is_kept() -> None:
    run = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def test_the_layers_are_exhaustive() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layered = {contract["containers"][0]: contract for contract in contracts if contract["type"] == "layers"}
    assert set(layered) == {"lingula", "lingula.triage", "lingula.training"}
    assert all(contract["exhaustive"] for contract in layered.values())


def test_every_back_end_is_protected() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    protected = next(set(contract["protected_modules"]) for contract in contracts if contract["type"] == "protected")
    opened = set()
    places = ("stores/store.py", "queues/queue.py", "queues/topic.py", "records/records.py", "doors/sending/sender.py")
    for place in places:
        for line in (ROOT / "src/lingula" / place).read_text().splitlines():
            if line.startswith("            from lingula."):
                opened.add(line.split()[1])
    assert opened, "the places open their back-ends with local imports"
    assert protected == opened


def test_serving_loads_neither_torch_nor_the_training_half() -> None:
    code = (
        "import sys, lingula.doors.cli.serve, lingula.doors.http.app, lingula.wiring; "
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'torchvision', 'scipy', 'matplotlib') "
        "or name.startswith('lingula.training')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_the_command_line_s_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, lingula.doors.cli.main; "
        "print([name for name in ('numpy', 'onnxruntime', 'pydantic', 'fastapi', 'sqlalchemy', 'torch', 'PIL') "
        "if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
