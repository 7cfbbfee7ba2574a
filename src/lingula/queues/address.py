"""The URL of a broker: where it is, who we are there, and what is asked of it.

Passwords stand in the URL's user-info and nowhere else: they are in no message and in no `repr`.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from lingula.errors import SettingsError

TLS_OPTIONS = ("ca", "certificate", "key")  # files (PEM); each broker takes them
_TLS_SCHEMES = ("tls", "rediss")
_ADVICE = {  # by what OpenSSL says; the first that fits
    "certificate is not valid for": "use the name that the broker's certificate states",
    "certificate has expired": "the broker's certificate must be renewed",
    "CERTIFICATE_VERIFY_FAILED": "name the authority that signed the broker's certificate: ca=FILE (PEM) in the URL",
    "CERTIFICATE_REQUIRED": "the broker asks for a certificate: certificate=FILE and key=FILE in the URL",
    "BAD_CERTIFICATE": "the broker asks for a certificate: certificate=FILE and key=FILE in the URL",
    "WRONG_VERSION_NUMBER": "the broker speaks no TLS at this port",
    "RECORD_LAYER_FAILURE": "the broker speaks no TLS at this port",
}
# In TLS 1.3 a broker refuses who shows no certificate only after the handshake: whether its reason is read, or writing
# fails before, is a matter of microseconds.
_BROKEN_OFF = ("EOF", "Broken pipe", "Connection reset", "Connection lost", "Connection closed by server")
_PERHAPS_UNSHOWN = "the broker broke off; if it asks for a certificate: certificate=FILE and key=FILE in the URL"
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")


@dataclass(frozen=True, kw_only=True)
class Address:
    """A broker's URL, read and checked.

    Parameters
    ----------
    setting
        The setting that holds the URL; every complaint begins with it.
    hosts
        ``host:port`` of every server named.
    name
        The path without its slashes: a stream, a topic, a database.
    """

    setting: str
    scheme: str
    hosts: tuple[str, ...]
    name: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    options: dict[str, str] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """The servers, for people: without any password."""
        return ",".join(self.hosts)

    def seconds(self, option: str, default: float) -> float:
        """Give a duration in seconds, greater than 0 and at most a day; raises `SettingsError`."""
        try:
            value = float(self.options.get(option, default))
        except ValueError:
            value = 0.0
        if not 0 < value <= 86_400:  # noqa: PLR2004 - a day
            raise self.refused(f"{option} is {self.options[option]!r}, but must be seconds in 0-86400, above 0")
        return value

    def whole(self, option: str, default: int, highest: int) -> int:
        """Give a whole number from 1 to `highest`; raises `SettingsError`."""
        value = self.options.get(option, str(default))
        if not (value.isascii() and value.isdigit() and len(value) < 9 and 1 <= int(value) <= highest):  # noqa: PLR2004
            raise self.refused(f"{option} is {value!r}, but must be a whole number in 1-{highest}")
        return int(value)

    def named(self, value: str, pattern: str, what: str) -> str:
        """Give a name back if the broker allows it; raises `SettingsError`."""
        if not re.fullmatch(pattern, value):
            raise self.refused(f"{value!r} is no name of a {what}; allowed is {pattern}")
        return value

    def file(self, option: str) -> str | None:
        """Give the path of a file that is there, or None if none was named; raises `SettingsError`."""
        path = self.options.get(option)
        if path is not None and not Path(path).is_file():
            raise self.refused(f"{option} names {path!r}, which is no file")
        return path

    def with_advice(self, reason: str) -> str:
        """Give what a driver said, and what to do if it is about TLS.

        >>> broker = read_address("tls://host", setting="LINGULA_QUEUE_URL", port=4222, options=TLS_OPTIONS)
        >>> broker.with_advice("[SSL: WRONG_VERSION_NUMBER] wrong version number")
        '[SSL: WRONG_VERSION_NUMBER] wrong version number; the broker speaks no TLS at this port'
        >>> broker.with_advice("no answer yet")
        'no answer yet'
        """
        advice = next((advice for sign, advice in _ADVICE.items() if sign in reason), None)
        shows_none = self.scheme in _TLS_SCHEMES and "certificate" not in self.options
        if advice is None and shows_none and any(sign in reason for sign in _BROKEN_OFF):
            advice = _PERHAPS_UNSHOWN
        return f"{reason}; {advice}" if advice else reason

    def refused(self, why: str) -> SettingsError:
        """Make the error that says what is wrong with this URL, without its user-info."""
        return SettingsError(f"{self.setting}: {self.scheme}://{self.shown}: {why}")


def scheme_of(url: str) -> str:
    """Give what stands before ``://``, or nothing, whatever the rest is."""
    scheme, mark, _ = url.partition("://")
    return scheme if mark else ""


def read_address(url: str, *, setting: str, port: int, options: Collection[str]) -> Address:
    """Read ``scheme://[user:password@]host[:port][,host...]/NAME?option=value``.

    Parameters
    ----------
    port
        The port of servers that name none.
    options
        The options this broker knows.

    Raises
    ------
    SettingsError
        If the URL is of another form or has an unknown option.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # whose message quotes the URL, password and all
        raise SettingsError(f"{setting} is no URL: after :// there must be host:port") from None
    given, _, servers = parts.netloc.rpartition("@")
    user, has_password, password = given.partition(":")
    matches = [_HOST.fullmatch(server) for server in servers.split(",")]
    hosts = tuple(f"{match['host']}:{match['port'] or port}" for match in matches if match is not None)
    address = Address(
        setting=setting,
        scheme=parts.scheme,
        hosts=hosts,
        name=unquote(parts.path.strip("/")),
        user=unquote(user) or None,
        password=unquote(password) if has_password else None,
        options=dict(parse_qsl(parts.query, keep_blank_values=True)),
    )
    if len(hosts) != len(matches) or any(int(host.rpartition(":")[2]) > 65_535 for host in hosts):  # noqa: PLR2004
        raise SettingsError(f"{setting}: {parts.scheme}:// must be followed by host:port, several with commas between")
    if unknown := sorted(set(address.options) - set(options)):
        raise address.refused(f"unknown option {unknown[0]!r}; known are {', '.join(sorted(options))}")
    return address
