"""An evaluation's page in a real browser: it fits every screen, needs no network, and has names for who cannot see."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from made.labels import write_class_folders
from made.readers import MadeReader
from playwright.sync_api import Page, sync_playwright

from lingula.doors.cli.reading import reading_rules
from lingula.training.evaluation.evaluate import EvaluationOptions, evaluate_package
from lingula.training.probes import ProbeOptions
from lingula.training.sources import read_source

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium: apt-get install chromium")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """The page of a small evaluation; anything it asks of a network fails the test."""
    pneumonia, normal = ([f"{word}-{at}.png" for at in range(8)] for word in ("p", "n" * 60))
    folder = write_class_folders(tmp_path / "set", normal=normal, pneumonia=pneumonia)
    options = EvaluationOptions(probes=ProbeOptions(radiographs=8), rules=reading_rules())
    evaluate_package(MadeReader().package(tmp_path), read_source(folder), out=tmp_path / "out", options=options)
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        opened = browser.new_page()
        opened.on("request", lambda request: asked.append(request.url))
        opened.goto((tmp_path / "out" / "evaluation.html").as_uri())
        yield opened
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_a_report_fits_every_screen_and_has_a_name_for_every_figure(page: Page) -> None:
    for width in (360, 800, 1600):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width

    assert page.locator("svg:not([aria-label])").count() == 0
    assert page.locator("th:not([scope])").count() == 0
    anchors = page.eval_on_selector_all("nav a", "links => links.map(link => link.getAttribute('href').slice(1))")
    assert len(anchors) > 10
    assert [anchor for anchor in anchors if page.locator(f"section[id='{anchor}'] h2").count() != 1] == []
