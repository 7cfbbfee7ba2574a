"""The port is taken before anything slow begins, and a taken one is named."""

import socket
from contextlib import closing

import pytest

from lingula.doors.cli.server import address_of, bind
from lingula.errors import SettingsError


def test_any_free_port_is_taken_for_0() -> None:
    with closing(bind("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        assert address_of(listening) == f"http://127.0.0.1:{port}"


def test_a_taken_port_is_refused_with_what_to_do() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port}: Address already in use; .* --port"):
            bind("127.0.0.1", port)


def test_the_demo_takes_the_next_port_instead() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with closing(bind("127.0.0.1", port, or_next=True)) as listening:
            assert port < listening.getsockname()[1] <= port + 20


def test_an_address_that_is_not_this_machine_s_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"cannot listen on 192\.0\.2\.1"):
        bind("192.0.2.1", 8000)


def test_all_addresses_are_shown_as_this_machine() -> None:
    with closing(bind("0.0.0.0", 0)) as listening:  # noqa: S104 - closed at once
        assert address_of(listening).startswith("http://127.0.0.1:")
