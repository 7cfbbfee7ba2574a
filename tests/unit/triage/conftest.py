"""One loaded model for all tests of this folder, and a fresh triage half for each."""

import pytest
from made.triage import MadeTriage, made_model, made_triage

from lingula.triage.infer import Model


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return made_model(tmp_path_factory.mktemp("package"))


@pytest.fixture
def triage(model: Model) -> MadeTriage:
    return made_triage(model)
