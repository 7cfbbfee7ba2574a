"""What serving imports is what serving installs, no more and no less."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Used by name or by another library, never imported by us.
BEHIND = {"httptools": "uvicorn's parser", "uvloop": "uvicorn's loop", "rich": "typer's help and our progress bars"}
TRAINED_WITH = {"onnx", "onnxscript"}  # torch.onnx.export imports them
ONE_FILE = {"lingula/training/networks/timm_network.py": "timm"}
OPTIONAL = {"lingula/triage/openvino.py": "openvino"}


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=;\[ ]", name)[0]).lower()


def imported(path: Path) -> set[str]:
    """Give the top-level modules a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"lingula"}


def imported_by_serving() -> set[str]:
    """Give the distributions that everything but the training half imports."""
    owners = packages_distributions()
    found = set()
    for path in (ROOT / "src/lingula").rglob("*.py"):
        if "lingula/training/" in path.as_posix():
            continue
        optional = OPTIONAL.get(path.relative_to(ROOT / "src").as_posix())
        found |= {plain(owners[name][0]) for name in imported(path) if name != optional}
    return found


def extra(name: str) -> set[str]:
    """Give the distributions an extra installs."""
    return {plain(one) for one in PROJECT["optional-dependencies"][name]}


def test_every_import_of_serving_is_a_dependency() -> None:
    declared = {plain(one) for one in PROJECT["dependencies"]} | extra("scale")
    # Starlette comes with FastAPI, botocore with boto3, each pinning what fits; the stubs are for mypy alone.
    assert imported_by_serving() - declared <= {"starlette", "botocore", "mypy-boto3-s3"}


def test_every_dependency_of_serving_is_used() -> None:
    declared = {plain(one) for one in PROJECT["dependencies"]}
    assert declared - imported_by_serving() <= set(BEHIND)


def test_every_dependency_of_scale_is_used_by_the_places() -> None:
    owners = packages_distributions()
    places = [
        path
        for folder in ("stores", "queues", "records", "doors")
        for path in (ROOT / "src/lingula" / folder).rglob("*.py")
    ]
    found = {plain(owners[name][0]) for path in places for name in imported(path)}
    assert extra("scale") <= found | {"pg8000"}  # SQLAlchemy imports it by the URL


def test_training_imports_what_its_extra_installs_and_no_more() -> None:
    owners = packages_distributions()
    declared = {plain(one) for one in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["train"])}
    found = set()
    for path in (ROOT / "src/lingula/training").rglob("*.py"):
        optional = ONE_FILE.get(path.relative_to(ROOT / "src").as_posix())
        found |= {plain(owners[name][0]) for name in imported(path) if name != optional}
    assert found <= declared
    assert {plain(one) for one in PROJECT["optional-dependencies"]["train"]} <= found | TRAINED_WITH


def test_what_tests_everything_installs_timm_too() -> None:
    assert extra("timm") == {"timm", "torchvision"}
    assert "lingula[timm]" in PROJECT["optional-dependencies"]["dev"]


WITHOUT_TIMM = """
import sys
for name in ("timm", "torchvision", "huggingface_hub"):
    sys.modules[name] = None
import lingula.training.walk
from lingula.errors import TrainingError
from lingula.training.packaging.export import export_graph
from lingula.training.networks import LungFinder, Reader, build_classifier
from lingula.training.recipe import NetworkRecipe

for name in ("small-cnn", "vgg16", "resnet50", "resnet50v2", "lingula"):
    classifier = build_classifier(NetworkRecipe(name=name, side=32))
export_graph(Reader(LungFinder((8, 8, 8, 8), 8), classifier).eval())
for asked in (NetworkRecipe(name="timm/resnet18"), NetworkRecipe(name="resnet50v2", pretrained=True)):
    try:
        build_classifier(asked)
    except TrainingError as error:
        print(error)
"""


def test_training_needs_torch_alone_and_names_the_extra_that_timms_networks_need() -> None:
    run = subprocess.run([sys.executable, "-c", WITHOUT_TIMM], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    asked = run.stdout.strip().splitlines()
    assert len(asked) == 2
    assert all("pip install 'lingula[timm]'" in line for line in asked)
