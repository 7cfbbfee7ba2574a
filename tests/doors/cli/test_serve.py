"""The whole program as a hospital meets it: started, sent to, asked, stopped, and the demonstration."""

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from made.commands import Lingula
from made.packages import made_package
from made.servers import Served, serving, settings_for
from made.triage import LIKELY, UNLIKELY, made_jpeg


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def served(home: Path) -> Iterator[Served]:
    with serving(settings=settings_for(home, made_package(home / "made"))) as server:
        yield server


@pytest.fixture
def key(lingula: Lingula, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of a new site, made while the server runs."""
    monkeypatch.setenv("LINGULA_HOME", str(home))
    return str(lingula("sites", "add", f"site-{time.time_ns()}", "--json").rows[0]["api_key"])


def test_a_running_server_is_ready(lingula: Lingula, served: Served) -> None:
    ended = lingula("health", "--url", served.address, "--json")
    assert ended.code == 0
    assert ended.rows[0]["status"] == "ready"
    shown = lingula("health", "--url", served.address).out
    assert "is ready" in shown
    assert "    store: ok" in shown.splitlines()


def test_no_server_is_not_ready(lingula: Lingula) -> None:
    ended = lingula("health", "--url", "http://127.0.0.1:9")
    assert ended.code == 75
    assert "no Lingula answers" in ended.err


def test_files_are_sent_and_sending_again_changes_nothing(
    lingula: Lingula, served: Served, key: str, pictures: Path
) -> None:
    (pictures / "torn.jpg").write_bytes(made_jpeg()[:500])
    ended = lingula("send", pictures, "--to", served.address, "--key", key, "--json")
    assert ended.code == 2
    assert [row["outcome"] for row in ended.rows] == ["received", "received", "refused"]
    assert "1 refused, 2 received" in ended.err.replace("2 received, 1 refused", "1 refused, 2 received")
    again = lingula("send", pictures / "a.jpg", "--to", served.address, "--key", key, "--json")
    assert again.code == 0
    assert again.rows[0]["outcome"] == "known"
    assert again.rows[0]["instance"] == ended.rows[0]["instance"]


def test_a_wrong_key_is_refused_with_77(lingula: Lingula, served: Served, pictures: Path) -> None:
    ended = lingula("send", pictures, "--to", served.address, "--key", "not-a-key-of-any-site")
    assert ended.code == 77
    assert "not-a-key" not in ended.err


def test_a_simulated_hospital_sends_each_file_as_a_new_radiograph(
    lingula: Lingula, served: Served, key: str, tmp_path: Path
) -> None:
    for name, brightness in (("NORMAL", UNLIKELY), ("PNEUMONIA", LIKELY)):
        (tmp_path / "source" / name).mkdir(parents=True)
        (tmp_path / "source" / name / "one.jpg").write_bytes(made_jpeg(brightness))
    words = ("--to", served.address, "--key", key, "--every", "0", "--count", "5")
    assert lingula("simulate", *words, "--mix", "1", "--source", tmp_path / "source").code == 0
    assert lingula("simulate", *words, "--mix", "0", "--source", tmp_path / "source").code == 0
    headers = {"Authorization": f"Bearer {key}"}
    for _ in range(200):
        summary = httpx.get(f"{served.address}/api/v1/summary", headers=headers).json()
        if summary["by_status"]["assessed"] == 10:
            break
        time.sleep(0.05)
    assert summary["by_band"] == {"likely": 5, "unsure": 0, "unlikely": 5}


def test_ctrl_c_ends_a_server_with_0(home: Path) -> None:
    with serving(settings=settings_for(home / "other", made_package(home / "made"))) as server:
        server.interrupt()
        assert server.process.returncode == 0


def test_a_first_administrator_is_made_from_the_settings(lingula: Lingula, home: Path, tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "home", made_package(home / "made"))
    with serving(settings={**settings, "LINGULA_ADMIN_PASSWORD": "four unrelated words"}):
        assert lingula("users", "list", "--json").rows[0]["name"] == "admin"


def log_in(doctor: httpx.Client, name: str, password: str) -> httpx.Response:
    token = re.search(r'name="csrf_token" value="([^"]+)"', doctor.get("/login").text)
    assert token
    return doctor.post("/login", data={"name": name, "password": password, "csrf_token": token[1]})


def test_the_demonstration_shows_a_login_fills_the_list_and_leaves_nothing(home: Path, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "one.jpg").write_bytes(made_jpeg())
    settings = {
        **settings_for(tmp_path / "real", made_package(home / "made")),
        "LINGULA_DEMO_SOURCE": str(tmp_path / "source"),
        "TMPDIR": str(tmp_path),
    }
    with serving("--demo", settings=settings, until="password") as server:
        password = re.search(r"password +(\S+)", server.said)
        assert password
        assert list(tmp_path.glob("lingula-demo-*"))
        with httpx.Client(base_url=server.address, follow_redirects=True) as doctor:
            assert log_in(doctor, "demo", password[1]).is_success
            for _ in range(200):
                listed = doctor.get("/api/v1/studies").json()
                if listed["studies"] and listed["studies"][0]["status"] == "assessed":
                    break
                time.sleep(0.05)
            assert listed["studies"][0]["band"] == "likely"
        server.interrupt()
        assert server.process.returncode == 0
    assert not list(tmp_path.glob("lingula-demo-*"))
    assert not (tmp_path / "real").exists()


def test_pressing_ctrl_c_again_hurries_it_and_shows_no_trace(home: Path) -> None:
    with serving(settings=settings_for(home / "hurried", made_package(home / "made"))) as server:
        server.process.send_signal(signal.SIGINT)
        time.sleep(0.05)
        rest = server.interrupt()
        assert "Traceback" not in rest
        assert server.process.returncode in {0, 130}
