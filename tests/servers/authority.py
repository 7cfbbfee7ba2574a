"""A hospital's own certificate authority, and certificates of it for servers and senders."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers.process import program

_EC = ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")


@dataclass(frozen=True)
class Identity:
    """A key and a certificate that an authority has signed."""

    key: Path
    certificate: Path


@dataclass(frozen=True)
class Authority:
    """A hospital's own authority; its certificate is `certificate`."""

    folder: Path
    certificate: Path

    def identity(self, name: str, *, address: str = "IP:127.0.0.1", days: int = 2) -> Identity:
        """Sign a certificate for an address; negative days make one that has expired."""
        key, request, made = (self.folder / f"{name}.{ending}" for ending in ("key", "csr", "pem"))
        names = self.folder / "names"
        names.write_text(f"subjectAltName={address}\n")
        _openssl("req", "-newkey", *_EC, "-nodes", "-keyout", key, "-out", request, "-subj", f"/CN={name}")
        signing = ("-CA", self.certificate, "-CAkey", self.folder / "ca.key", "-CAcreateserial", "-days", str(days))
        _openssl("x509", "-req", "-in", request, *signing, "-extfile", names, "-out", made)
        return Identity(key, made)


def _openssl(*words: str | Path) -> None:
    found = program("openssl", package="openssl")
    subprocess.run([found, *(str(word) for word in words)], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A hospital's authority that no system knows."""
    folder = tmp_path_factory.mktemp("authority")
    made = folder / "ca.pem"
    usage = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    words = ("-nodes", "-keyout", folder / "ca.key", "-out", made, "-subj", "/CN=hospital", "-days", "2", *usage)
    _openssl("req", "-x509", "-newkey", *_EC, *words)
    return Authority(folder, made)
