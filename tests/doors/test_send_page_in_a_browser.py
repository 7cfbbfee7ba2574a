"""The page for sending in a real browser: files are chosen or dropped, seen to arrive, and sent again when needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from made.hospital import PASSWORD, Hospital, made_dicom, made_hospital, made_system
from made.packages import made_package
from made.serving import serving
from made.triage import LIKELY, made_jpeg
from playwright.sync_api import Browser, Page, expect, sync_playwright

from lingula.radiology.study import Priority

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium")


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    system, clock = made_system(made_package(tmp_path / "package"), tmp_path)
    system.start()
    with made_hospital(system, clock) as made:
        yield made


@pytest.fixture
def address(hospital: Hospital) -> Iterator[str]:
    with serving(hospital) as url:
        yield url


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Two radiographs and a file that is none."""
    folder = tmp_path / "chosen"
    folder.mkdir()
    for name, data in (("a.jpg", made_jpeg(LIKELY)), ("b.dcm", made_dicom(number=9)), ("notes.txt", b"hello")):
        (folder / name).write_bytes(data)
    return sorted(folder.iterdir())


def log_in(page: Page, address: str, name: str) -> None:
    page.goto(f"{address}/send")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Send radiographs")).to_be_visible()


def test_a_technician_sends_files_and_sees_that_they_arrived(browser: Browser, address: str, files: list[Path]) -> None:
    complaints: list[str] = []
    page = browser.new_page()
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    log_in(page, address, "tove")
    page.get_by_label("Radiographs").set_input_files(files)
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Send", exact=True).press("Enter")
    expect(page.locator("#sent-line")).to_have_text("2 arrived, 1 not accepted")
    expect(page.locator("#sent-list .is-received")).to_have_count(2)
    expect(page.locator("#sent-list .is-refused")).to_contain_text("notes.txt")
    expect(page.locator("#sent-list .is-received").first).to_contain_text("arrived, assessed", timeout=15_000)
    assert complaints == []


def test_dropped_files_are_sent_for_the_site_chosen(browser: Browser, address: str) -> None:
    page = browser.new_page()
    log_in(page, address, "ada")
    page.get_by_label("Hospital").select_option("south")
    page.get_by_label("Urgent").check()
    page.evaluate(
        """(bytes) => {
          const carried = new DataTransfer();
          carried.items.add(new File([new Uint8Array(bytes)], "dropped.jpg"));
          document.getElementById("drop").dispatchEvent(
            new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
        }""",
        list(made_jpeg()),
    )
    expect(page.locator("#sent-line")).to_have_text("1 arrived")
    page.goto(f"{address}/")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody .c-site")).to_have_text("south")
    expect(page.locator("tbody .c-priority")).to_contain_text(Priority.STAT.value)


def test_what_cannot_be_taken_now_is_sent_again(browser: Browser, address: str, hospital: Hospital) -> None:
    page = browser.new_page()
    log_in(page, address, "tove")
    door = hospital.app.state.door
    with door.uploads.reserve(door.uploads.free):
        page.get_by_label("Radiographs").set_input_files(
            {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": made_jpeg()}
        )
        page.get_by_role("button", name="Send", exact=True).click()
        expect(page.locator("#sent-list li")).to_contain_text("sent again in a moment")
    expect(page.locator("#sent-line")).to_have_text("1 arrived", timeout=10_000)


def test_without_script_the_form_sends_them_all(browser: Browser, address: str, files: list[Path]) -> None:
    page = browser.new_context(java_script_enabled=False).new_page()
    log_in(page, address, "tove")
    page.get_by_label("Radiographs").set_input_files(files)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#sent-line")).to_have_text("2 arrived, 1 not accepted")
    expect(page.locator("#sent-list li")).to_have_count(3)


def test_nothing_is_wider_than_a_phone(browser: Browser, address: str, files: list[Path]) -> None:
    page = browser.new_context(viewport={"width": 360, "height": 740}).new_page()
    log_in(page, address, "ada")
    page.get_by_label("Hospital").select_option("south")
    page.get_by_label("Radiographs").set_input_files(files)
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#sent-line")).to_contain_text("2 arrived")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
