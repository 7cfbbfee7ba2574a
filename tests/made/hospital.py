"""A whole system in memory behind the HTTP door: two sites, people of every role, a clock that tests move."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from anyio.from_thread import BlockingPortal, start_blocking_portal
from httpx import ASGITransport, AsyncByteStream, BaseTransport, Client, Request, Response, SyncByteStream

from lingula.doors.credentials import digest, hash_password
from lingula.doors.http.app import Application, create_app
from lingula.radiology.identifiers import InstanceId, SiteName
from lingula.records.accounts import Role, Session, Site, User
from lingula.records.records import StoredInstance
from lingula.settings import FlagValue, load_settings
from lingula.triage.assess import Assessor
from lingula.triage.worker import Worker
from lingula.wiring import System, build_system
from made.dicom_files import as_bytes, made_dataset
from made.triage import LIKELY, NORTH, SOUTH, MovableClock, made_chest, made_jpeg

ADDRESS = "http://127.0.0.1:8000"
KEYS = {NORTH: "north-key-0123456789-0123456789-0123456789", SOUTH: "south-key-0123456789-0123456789-0123456789"}
PASSWORD = "correct horse battery"  # noqa: S105  made up
PEOPLE = {
    "mara": (Role.DOCTOR, None),
    "nils": (Role.DOCTOR, frozenset({NORTH})),
    "sven": (Role.DOCTOR, frozenset({SOUTH})),
    "tove": (Role.TECHNICIAN, frozenset({NORTH})),
    "ada": (Role.ADMINISTRATOR, None),
}


def made_dicom(brightness: float = LIKELY, *, view: str = "PA", seed: int = 1, number: int = 1) -> bytes:
    """Give a made chest as a DICOM file with the identity of `made.dicom_files`; `number` makes its UIDs unique."""
    dataset = made_dataset(made_chest(brightness, seed=seed))
    dataset.ViewPosition = view
    for element in ("SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID"):
        setattr(dataset, element, f"{getattr(dataset, element)}.{number}")
    return as_bytes(dataset)


def made_dicom_without_pixels() -> bytes:
    """Give a DICOM file that carries no picture."""
    dataset = made_dataset(made_chest())
    del dataset.PixelData
    return as_bytes(dataset)


class AppTransport(BaseTransport):
    """Carries a plain client's requests to an application in the event loop of another thread."""

    def __init__(self, app: Application, portal: BlockingPortal) -> None:
        self._transport = ASGITransport(app)
        self._portal = portal

    def handle_request(self, request: Request) -> Response:
        """Carry one request."""
        return self._portal.call(self._handle, request)

    async def _handle(self, request: Request) -> Response:
        sent = Request(request.method, request.url, headers=request.headers, stream=_Chunks(request.stream))
        answer = await self._transport.handle_async_request(sent)
        return Response(answer.status_code, headers=answer.headers, content=await answer.aread())


class _Chunks(AsyncByteStream):
    def __init__(self, stream: SyncByteStream | AsyncByteStream) -> None:
        assert isinstance(stream, SyncByteStream)
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._stream:
            yield chunk


@dataclass
class Hospital:
    """The door and what is behind it; clients speak as a machine, a person or a stranger."""

    system: System
    clock: MovableClock
    app: Application
    portal: BlockingPortal
    address: str = ADDRESS

    def stranger(self) -> Client:
        """Give a browser or program that nobody knows."""
        return Client(transport=AppTransport(self.app, self.portal), base_url=self.address)

    def machine(self, site: SiteName = NORTH) -> Client:
        """Give a program with the key of a site."""
        client = self.stranger()
        client.headers["authorization"] = f"Bearer {KEYS[site]}"
        return client

    def person(self, name: str = "mara") -> Client:
        """Give the browser of somebody who is logged in, with the token that its pages' scripts send."""
        client = self.stranger()
        assert log_in(client, name).status_code == 303
        client.headers["x-csrf-token"] = self.session(client).csrf_token
        return client

    def session(self, client: Client) -> Session:
        """Give the session of a browser."""
        return self.system.accounts.session(digest(client.cookies["lingula"]))

    def send(self, data: bytes | None = None, site: SiteName = NORTH) -> StoredInstance:
        """Let a radiograph arrive without the door."""
        sent = made_jpeg() if data is None else data
        return self.of(self.system.receiver.receive(sent, site=site, door="test").instance)

    def assess(self) -> None:
        """Assess all that waits, here and now, and write what happened."""
        system = self.system
        assessor = Assessor(
            store=system.store,
            records=system.records,
            queue=system.queue,
            serving=system.serving,
            notify=system.hub.notify,
            clock=self.clock,
        )
        worker = Worker(queue=system.queue, assessor=assessor)
        while system.queue.depth():
            worker.work_once()
        system.hub.flush()

    def accesses(self) -> list[tuple[str, str, str]]:
        """Give who did what to which resource, oldest first."""
        return [(one.who, one.action, one.resource) for one in reversed(self.system.accounts.accesses(1000))]

    def of(self, instance: InstanceId) -> StoredInstance:
        """Give what is recorded of an instance."""
        return self.system.records.instance(instance)


def log_in(client: Client, name: str, password: str = PASSWORD, goal: str = "/") -> Response:
    """Fill the login form as a browser does."""
    client.get("/login")
    form = {"name": name, "password": password, "next": goal, "csrf_token": client.cookies["lingula-login"]}
    return client.post("/login", data=form)


def made_system(package: Path | None, home: Path, **settings: FlagValue) -> tuple[System, MovableClock]:
    """Build a system in memory with its people and sites; nothing runs until it is started."""
    places: dict[str, FlagValue] = {
        "home": home,
        "store_url": "memory://",
        "records_url": "memory://",
        "package": str(package) if package else None,  # none: what the shelf says
        "workers": 1,
    }
    clock = MovableClock()
    system = build_system(load_settings({**places, **settings}), clock)
    for site, key in KEYS.items():
        system.accounts.add_site(Site(name=site, ae_title=site.upper(), api_key_sha256=digest(key)))
    for name, (role, sites) in PEOPLE.items():
        user = User(name=name, display_name=name.title(), role=role, password_hash=_password_hash(), sites=sites)
        system.accounts.add_user(user)
    return system, clock


@contextmanager
def made_hospital(system: System, clock: MovableClock) -> Iterator[Hospital]:
    """Open the door of a system that is not started, and close it at the end."""
    app = create_app(system)
    with start_blocking_portal() as portal:
        yield Hospital(system, clock, app, portal, address=system.settings.public_url or ADDRESS)
    app.state.door.close()
    system.stop()


@cache
def _password_hash() -> str:
    return hash_password(PASSWORD)
