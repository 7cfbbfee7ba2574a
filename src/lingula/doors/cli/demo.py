"""``lingula serve --demo``: a hospital, a doctor and radiographs trickling in, all of it gone at the end.

Everything lives in a temporary folder that is removed whatever ends the program short of a kill. The radiographs come
in through the same HTTP door, with the same key, as a real hospital's.
"""

import contextlib
import logging
import secrets
import tempfile
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from lingula.doors.cli.files import find_files
from lingula.doors.cli.output import NOTICE, say
from lingula.doors.cli.samples import shipped_samples
from lingula.doors.cli.server import address_of, bind, serve_http
from lingula.doors.credentials import digest, hash_password, new_secret
from lingula.doors.sending.patience import Patience
from lingula.doors.sending.sender import open_sender
from lingula.errors import LingulaError, SettingsError
from lingula.log import set_up_log
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Accounts, Role, Site, User
from lingula.settings import FlagValue, Settings, load_settings
from lingula.wiring import build_system

SITE, USER = SiteName("demo"), "demo"
FIRST_SECONDS, EVERY_SECONDS = 0.2, 2.5

_log = logging.getLogger(__name__)


def serve_demo(flags: Mapping[str, FlagValue]) -> None:
    """Serve a demonstration until Ctrl-C."""
    with tempfile.TemporaryDirectory(prefix="lingula-demo-") as folder:
        settings = _beside_others(load_settings({**flags, **_places_in(Path(folder)), "demo": True}))
        set_up_log("warning", settings.log_style)
        files = _radiographs(settings)
        with contextlib.closing(bind(settings.http_host, settings.http_port, or_next=True)) as listening:
            system = build_system(settings)
            password, key = _password(), new_secret()
            _people(system.accounts, password, key)
            trickle = _Trickle(address_of(listening), key, files)
            begin = partial(_begin, address_of(listening), settings, password, trickle)
            try:
                serve_http(system, listening, begin, must_open=False)
            finally:
                trickle.stop()
    say("\nThe demonstration has ended; nothing of it is left on this machine.")


def _places_in(folder: Path) -> dict[str, FlagValue]:
    """Keep a demonstration away from anything real, whatever the variables say."""
    return {
        "home": folder,
        "store_url": (folder / "store").as_uri(),
        "records_url": f"sqlite://{folder}/records.sqlite",
        "queue_url": "memory://",
        "registry": folder / "packages",
    }


def _beside_others(settings: Settings) -> Settings:
    """Read nobody's topic, and take the next DICOM port if this one is taken: a demonstration disturbs nobody."""
    settings = settings.model_copy(update={"notifications_url": None})
    try:
        with contextlib.closing(bind(settings.dicom_host, settings.dicom_port, or_next=True)) as found:
            port = int(found.getsockname()[1])
    except SettingsError:
        return settings  # said when the door cannot be opened
    if settings.dicom_port not in {0, port}:
        say(f"port {settings.dicom_port} is taken; radiographs by DICOM go to port {port} in this demonstration")
    return settings.model_copy(update={"dicom_port": port})


def _radiographs(settings: Settings) -> list[Path]:
    if settings.demo_source:
        return [given.path for given in find_files([settings.demo_source])]
    return [sample.path for sample in shipped_samples()]


def _password() -> str:
    """Give a password of 48 random bits that is easily typed."""
    return "-".join(secrets.token_hex(2) for _ in range(3))


def _people(accounts: Accounts, password: str, key: str) -> None:
    accounts.add_site(Site(name=SITE, ae_title="DEMO", api_key_sha256=digest(key)))
    doctor = User(name=USER, display_name="Demo doctor", role=Role.ADMINISTRATOR, password_hash=hash_password(password))
    accounts.add_user(doctor)


def _begin(address: str, settings: Settings, password: str, trickle: "_Trickle") -> None:
    shown = "radiographs from your folder" if settings.demo_source else "synthetic radiographs, no patient's"
    say(
        f"\n  Lingula demonstration: {shown}, arriving every few seconds.\n  {NOTICE}\n\n"
        f"    page      {address}\n    user      {USER}\n    password  {password}\n\n"
        "  Ctrl-C ends it and leaves nothing behind.\n"
    )
    trickle.start()


class _Trickle:
    """Sends each radiograph once, one every few seconds, as the demo hospital."""

    def __init__(self, address: str, key: str, files: Sequence[Path]) -> None:
        self._stop = threading.Event()
        self._files = files
        self._sender = open_sender(address, SecretStr(key), Patience(wait=self._stop.wait))
        self._thread = threading.Thread(target=self._run, name="lingula-demo", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(EVERY_SECONDS)
        self._sender.close()

    def _run(self) -> None:
        self._stop.wait(FIRST_SECONDS)
        for path in self._files:
            if self._stop.is_set():
                return
            try:
                sent = self._sender.send(path.read_bytes())
            except (LingulaError, OSError) as error:
                if not self._stop.is_set():
                    _log.warning("a sample could not be sent", extra={"reason": str(error)})
            else:
                if sent.reason:
                    say(f"  a file was not accepted: {sent.reason}")
            self._stop.wait(EVERY_SECONDS)
