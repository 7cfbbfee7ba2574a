"""Orthanc, an open archive: keeps studies and sends them on over DICOM, as a hospital's PACS does."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from servers.process import free_port, listens, program, running

ANSWER_SECONDS = 30.0


@dataclass(frozen=True)
class Orthanc:
    """A running archive and its REST API."""

    api: httpx.Client
    dicom_port: int

    def keep(self, data: bytes) -> str:
        """Put a DICOM file into it and give its id there."""
        answer = self.api.post("/instances", content=data).raise_for_status()
        return str(answer.json()["ID"])

    def forward(self, *ids: str, to: str) -> None:
        """Send what it keeps to a modality it was told of, and wait until all of it has been taken."""
        self.api.post(f"/modalities/{to}/store", json=list(ids)).raise_for_status()


@contextmanager
def running_orthanc(
    folder: Path,
    modalities: Mapping[str, tuple[str, int]],
    title: str = "ORTHANC",
    more: Mapping[str, object] | None = None,
) -> Iterator[Orthanc]:
    """Run an archive until the block ends.

    Parameters
    ----------
    modalities
        AE title and port on this machine of each receiver it may send to, by a name of your own.
    more
        Further lines of its configuration.
    """
    orthanc = program("Orthanc", package="orthanc")
    folder.mkdir(parents=True, exist_ok=True)
    http_port, dicom_port = free_port(), free_port()
    settings = {
        "Name": "archive",
        "StorageDirectory": str(folder / "archive"),
        "IndexDirectory": str(folder / "archive"),
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "DicomAet": title,
        "DicomPort": dicom_port,
        "DicomScuTimeout": 10,
        "DicomModalities": {name: [aet, "127.0.0.1", port] for name, (aet, port) in modalities.items()},
        "Plugins": [],
        **(more or {}),
    }
    configuration = folder / "orthanc.json"
    configuration.write_text(json.dumps(settings))
    with (
        running((orthanc, str(configuration)), is_ready=lambda: listens(http_port), log=folder / "log"),
        httpx.Client(base_url=f"http://127.0.0.1:{http_port}", timeout=ANSWER_SECONDS) as api,
    ):
        yield Orthanc(api=api, dicom_port=dicom_port)
