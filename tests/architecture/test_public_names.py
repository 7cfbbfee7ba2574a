"""What others may rely on is spelt here; a change of it is a decision, not an accident."""

import importlib

import pytest

PUBLIC = {
    "lingula.errors": {
        "LingulaError",
        "NotAccepted",
        "NotDicom",
        "UnreadablePixels",
        "NotEligible",
        "PackageError",
        "PackageDamaged",
        "PackageTooNew",
        "TrainingError",
        "NotFound",
        "Conflict",
        "NotAllowed",
        "BackendUnavailable",
        "SettingsError",
    },
    "lingula.modelpackage.archive": {"ModelPackage", "read_package", "write_package", "shipped_package_path"},
    "lingula.modelpackage.preprocessing": {"ModelInput", "DEFAULT_PREPROCESSING", "prepare", "resize_pixels"},
    "lingula.stores.store": {"ObjectStore", "open_store"},
    "lingula.queues.queue": {"Note", "WorkQueue", "open_queue"},
    "lingula.wiring": {"System", "EventHub", "Part", "build_system"},
    "lingula.settings": {"Settings", "load_settings"},
}


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_public_names_are_there(module: str) -> None:
    found = set(vars(importlib.import_module(module)))
    assert PUBLIC[module] <= found


def test_every_error_is_public() -> None:
    errors = importlib.import_module("lingula.errors")
    assert {name for name in vars(errors) if name[0].isupper()} == PUBLIC["lingula.errors"]


def test_every_command_is_public() -> None:
    commands = importlib.import_module("lingula.doors.cli.main").command_names()
    assert set(commands) >= {
        "serve",
        "receive",
        "work",
        "web",
        "assess",
        "send",
        "simulate",
        "models",
        "dataset",
        "train",
        "compare",
        "evaluate",
        "export",
        "users",
        "sites",
        "settings",
        "health",
    }
