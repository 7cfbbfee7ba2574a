"""Bucket doors over systems in memory."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from made.bucket_stand import Stand, made_stand
from made.packages import made_package
from servers.s3 import S3Server


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The made package, written once."""
    return made_package(tmp_path_factory.mktemp("package"))


@pytest.fixture
def stand(package: Path, tmp_path: Path) -> Iterator[Stand]:
    """A door without buckets."""
    made = made_stand(package, tmp_path / "home")
    yield made
    made.door.close()
    made.system.stop()


@pytest.fixture
def bucket_stand(package: Path, tmp_path: Path, moto_server: S3Server, s3_credentials: None) -> Iterator[Stand]:
    """A door that reads moto's buckets."""
    del s3_credentials  # only has to be there
    made = made_stand(package, tmp_path / "home", bucket_endpoint=moto_server.endpoint)
    yield made
    made.door.close()
    made.system.stop()
