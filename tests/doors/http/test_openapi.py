"""What the description promises holds for whatever is sent: every route, made-up requests, every answer checked.

A long run: ``LINGULA_TEST_EXAMPLES=500 python -m pytest tests/doors/http/test_openapi.py``.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made.hospital import Hospital, made_hospital, made_system
from made.serving import serving
from made.subnormals import allow_subnormals
from made.triage import made_jpeg
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation.modes import GenerationMode
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.adapter.parameters import OpenApiParameter
from schemathesis.specs.openapi.adapter.responses import OpenApiResponses
from schemathesis.specs.openapi.adapter.security import OpenApiSecurityParameters
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.schemas import OpenApiSchema

Operation = APIOperation[OpenApiParameter, OpenApiResponses, OpenApiSecurityParameters, OpenApiSchema]
Case = schemathesis.Case[Operation]
EXAMPLES = int(os.environ.get("LINGULA_TEST_EXAMPLES", "5"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PATIENCE_SECONDS = 300.0  # of one request: a long run shares its machine with others
STREAM = "/api/v1/events"  # never ends; test_events.py reads it


@schemathesis.serializer("application/dicom", "multipart/related", "image/jpeg", "image/png", "image/tiff")
def as_bytes(_: schemathesis.SerializationContext, value: object) -> bytes:
    """Send what was made up as it is."""
    return value if isinstance(value, bytes) else str(value).encode()


@dataclass(frozen=True, kw_only=True)
class Served:
    """A hospital at work behind a real server, and who asks it."""

    address: str
    headers: dict[str, dict[str, str]]
    known: dict[str, str]  # what is there, by the name of the path's parameter


@pytest.fixture(scope="module")
def hospital(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    system, clock = made_system(package, tmp_path_factory.mktemp("home"))
    system.start()
    with made_hospital(system, clock) as made:
        yield made


@pytest.fixture(scope="module")
def served(hospital: Hospital) -> Iterator[Served]:
    with serving(hospital) as address:
        stored, manifest = hospital.send(made_jpeg()), hospital.system.package.manifest
        ada = hospital.person("ada")
        cookie = f"lingula={ada.cookies['lingula']}"
        yield Served(
            address=address,
            headers={
                "machine": {"authorization": hospital.machine().headers["authorization"]},
                "person": {"cookie": cookie, "x-csrf-token": ada.headers["x-csrf-token"]},
                "stranger": {},
            },
            known={
                "instance": stored.new.id,
                "study": stored.new.study,
                "site": "north",
                "name": manifest.name,
                "version": manifest.version,
                "key": "0123456789abcdef",
            },
        )


def test_every_answer_is_one_that_is_described(served: Served) -> None:
    allow_subnormals()
    description = httpx.get(f"{served.address}/api/v1/openapi.json", headers=served.headers["machine"]).json()
    schema = schemathesis.openapi.from_dict(description).exclude(path=STREAM)
    found: dict[str, str] = {}
    for one in schema.get_all_operations():
        assert isinstance(one, Ok)
        operation = one.ok()
        try:
            ask(operation, served)
        except (AssertionError, BaseExceptionGroup) as error:
            found[operation.label] = "\n".join(str(one) for one in getattr(error, "exceptions", [error]))
    assert found == {}, "\n\n".join(f"{label}\n{told}" for label, told in found.items())


def ask(operation: Operation, served: Served) -> None:
    known = {one.name: served.known[one.name] for one in operation.path_parameters}
    made_up = st.sampled_from(GenerationMode).flatmap(operation.as_strategy)
    on_known = st.sampled_from(GenerationMode).flatmap(
        lambda mode: operation.as_strategy(generation_mode=mode, path_parameters=known)
    )

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(made_up | on_known if known else made_up)
    def check(case: Case) -> None:
        for headers in served.headers.values():
            answer = case.call(base_url=served.address, headers=headers, timeout=PATIENCE_SECONDS)
            case.validate_response(answer, checks=CHECKS, headers=headers)

    check()
