"""The pages in a real browser: logging in, walking the list with the keyboard, reading a study, leaving a verdict."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from made.hospital import PASSWORD, Hospital, made_hospital, made_system
from made.packages import made_package
from made.serving import serving
from made.triage import LIKELY, UNLIKELY, UNSURE, made_jpeg
from playwright.sync_api import Page, expect, sync_playwright

from lingula.radiology.identifiers import StudyId

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium")


@pytest.fixture
def hospital(tmp_path: Path) -> Iterator[Hospital]:
    """A hospital at work, with three studies read in this order: likely, unsure, unlikely."""
    system, clock = made_system(made_package(tmp_path / "package"), tmp_path)
    system.start()
    with made_hospital(system, clock) as made:
        for seed, brightness in enumerate((UNLIKELY, UNSURE, LIKELY)):
            made.send(made_jpeg(brightness, seed=seed))
        yield made


@pytest.fixture
def address(hospital: Hospital) -> Iterator[str]:
    """Where a real server serves it."""
    with serving(hospital) as url:
        yield url


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """A browser where Mara is logged in; any error of a script or a stopped resource fails the test."""
    complaints: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        opened = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        opened.goto(f"{address}/")
        opened.get_by_label("Name").fill("mara")
        opened.get_by_label("Password").fill(PASSWORD)
        opened.get_by_role("button", name="Log in").click()
        expect(opened.get_by_role("heading", name="Worklist")).to_be_visible()
        expect(opened.locator("tbody .band")).to_have_count(3, timeout=15_000)
        yield opened
        browser.close()
    assert complaints == []


def open_first_study(page: Page) -> None:
    """Open the first row's study and wait until its scripts listen."""
    page.locator(".row-link").first.click()
    expect(page.locator("#stage")).to_be_visible()
    page.wait_for_load_state()


def test_a_study_is_read_with_the_keyboard_alone(page: Page, hospital: Hospital) -> None:
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.locator(".verdict-line")).to_contain_text("likely")
    study = page.url.rsplit("/", 1)[1]
    expect(page.locator("#claim-form")).to_have_count(0)
    claim = hospital.system.records.study(StudyId(study)).claim
    assert claim is not None
    assert claim.reviewer == "mara"

    expect(page.locator("#heat")).to_be_hidden()
    page.keyboard.press("h")
    expect(page.locator("#heat")).to_be_visible()

    page.keyboard.press("d")
    page.keyboard.type("left lower lobe")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Your verdict is saved.")).to_be_visible()
    (review,) = hospital.system.records.study(StudyId(study)).reviews
    assert (review.new.verdict, review.new.note) == ("disagree", "left lower lobe")

    page.keyboard.press("n")
    expect(page.locator(".verdict-line")).to_contain_text("unsure")
    expect(page.locator("#claim-form")).to_have_count(0)
    left = StudyId(page.url.rsplit("/", 1)[1])
    page.keyboard.press("w")
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_text("you are reading")).to_have_count(0)
    assert hospital.system.records.study(left).claim is None


def test_the_list_refreshes_itself_and_keeps_its_place(page: Page, hospital: Hospital) -> None:
    expect(page.locator("#live")).to_have_text("live")
    page.keyboard.press("j")
    page.keyboard.press("j")
    place = page.evaluate("document.activeElement.getAttribute('href')")

    hospital.send(made_jpeg(LIKELY, seed=77))

    expect(page.locator("tbody tr")).to_have_count(4, timeout=15_000)
    expect(page.locator(".summary")).to_contain_text("4 studies to read")
    assert page.evaluate("document.activeElement.getAttribute('href')") == place


def test_level_width_and_inverting_change_the_picture_without_asking_the_server(page: Page) -> None:
    open_first_study(page)
    radiograph = page.locator(".radiograph")
    expect(radiograph).to_be_visible()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.keyboard.press("i")
    inverted = page.locator("#window feFuncR").get_attribute("slope")
    page.locator("#width").fill("100")
    narrow = page.locator("#window feFuncR").get_attribute("slope")
    page.keyboard.press("0")

    assert float(inverted or 0) == pytest.approx(-1)
    assert float(narrow or 0) == pytest.approx(-2.55)
    assert radiograph.evaluate("one => one.style.filter") == ""
    assert [url for url in asked if "image.png" in url] == []


def test_the_radiograph_is_enlarged_moved_and_put_back(page: Page) -> None:
    open_first_study(page)
    layers = page.locator("#layers")
    expect(page.locator(".radiograph")).to_be_visible()
    before = layers.bounding_box()

    page.keyboard.press("+")
    larger = layers.bounding_box()
    page.keyboard.press("0")

    assert before is not None
    assert larger is not None
    assert larger["width"] == pytest.approx(before["width"] * 1.25, rel=0.01)
    assert layers.bounding_box() == before


@pytest.mark.parametrize("width", [420, 1440])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_nothing_sticks_out_of_the_window(page: Page, width: int, theme: str) -> None:
    page.evaluate("theme => localStorage.setItem('lingula-theme', theme)", theme)
    page.set_viewport_size({"width": width, "height": 900})
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == theme

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator(".filters select, .filters input, .filters button").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    open_first_study(page)
    expect(page.locator(".radiograph")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [420, 1000, 1440])
def test_the_radiograph_has_all_the_width_there_is(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    open_first_study(page)
    expect(page.locator(".radiograph")).to_be_visible()

    stage, tools = (page.locator(one).bounding_box() for one in (".stage", ".tools"))
    assert stage is not None
    assert tools is not None
    assert abs(stage["width"] - tools["width"]) <= 2


def test_the_keys_are_listed_and_logging_out_ends_everything(page: Page, address: str) -> None:
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out.")).to_be_visible()
    page.goto(f"{address}/")
    expect(page.get_by_role("button", name="Log in")).to_be_visible()


def test_without_script_the_list_and_a_verdict_work_too(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        page = browser.new_context(java_script_enabled=False).new_page()
        page.goto(f"{address}/")
        page.locator("#name").fill("mara")
        page.locator("#password").fill(PASSWORD)
        page.locator("button.primary").click()
        open_first_study(page)
        page.locator("#heat-switch").check()
        expect(page.locator("#heat")).to_be_visible()
        page.locator("input[value=agree]").check()
        page.locator("#verdict button.primary").click()
        expect(page.get_by_text("Your verdict is saved.")).to_be_visible()
        browser.close()
