"""The pages, read as a browser without script reads them."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from made.dicom_files import NAME, PATIENT
from made.hospital import Hospital, made_dicom, made_dicom_without_pixels, made_hospital, made_system
from made.packages import made_package
from made.triage import LIKELY, SOUTH, UNLIKELY, UNSURE, made_jpeg

from lingula.doors.http.edge import CONTENT_SECURITY_POLICY
from lingula.doors.http.rendering import FOLDER
from lingula.registry import Registry

PAGE = {"accept": "text/html"}


class Page(HTMLParser):
    """Collects the elements of a page, and checks that each that is opened is closed."""

    VOID = frozenset({"meta", "link", "input", "img", "br", "use", "path", "rect", "circle"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page(hospital: Hospital, path: str, name: str = "mara") -> str:
    answer = hospital.person(name).get(path, headers=PAGE)
    assert answer.status_code == 200, answer.text
    Page(answer.text)
    return answer.text


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture
def full_hospital(hospital: Hospital) -> Hospital:
    """One study of each band, one lateral, one without a picture, one at the south site."""
    for seed, brightness in enumerate((UNLIKELY, LIKELY, UNSURE)):
        hospital.send(made_jpeg(brightness, seed=seed))
    hospital.send(made_dicom(view="LL"))
    hospital.send(made_dicom(number=2, seed=5), site=SOUTH)
    hospital.assess()
    return hospital


def test_the_worklist_shows_every_study_in_reading_order_with_words_beside_colours(full_hospital: Hospital) -> None:
    text = words(page(full_hospital, "/").split("<tbody>")[1])

    order = re.findall(r"\b(asap|urgent|routine)\b", text)
    assert order == ["asap", "asap", "urgent", "urgent", "routine"]
    for word in ("likely", "unsure", "unlikely", "not eligible", "lateral"):
        assert word in text


def test_every_assessment_says_that_it_is_no_diagnosis_and_which_model_spoke(full_hospital: Hospital) -> None:
    study = full_hospital.machine().get("/api/v1/studies").json()["studies"][0]["study"]

    for path in ("/", f"/studies/{study}"):
        text = words(page(full_hospital, path))
        assert "ot a diagnosis" in text
        assert "Model made 1.0.0" in text


def test_a_patients_name_is_on_the_pages_of_who_may_see_it(full_hospital: Hospital) -> None:
    shown = page(full_hospital, "/")

    assert "Doe, Jane" in shown
    assert PATIENT in shown
    assert NAME not in shown
    south = page(full_hospital, f"/?site={SOUTH}", name="nils")
    assert "Doe" not in south
    assert "Nothing fits this filter" in south


def test_an_empty_list_says_that_all_is_read(hospital: Hospital) -> None:
    text = words(page(hospital, "/"))

    assert "All read" in text
    assert "Nothing to read" in text


def test_a_long_list_has_pages_and_keeps_its_filter(hospital: Hospital) -> None:
    for seed in range(51):
        hospital.send(made_jpeg(UNLIKELY, seed=seed))

    first = page(hospital, "/?status=received")
    second = page(hospital, "/?status=received&page=2")

    assert first.count("data-study=") == 50
    assert 'href="/?status=received&amp;page=2"' in first
    assert second.count("data-study=") == 1
    assert 'href="/?status=received&amp;page=1"' in second


def test_a_study_shows_the_probability_with_both_limits_and_the_heat_maps_switch(full_hospital: Hospital) -> None:
    row = full_hospital.machine().get("/api/v1/studies").json()["studies"][0]

    html = page(full_hospital, row["links"]["page"])

    assert "rule-out 0.30" in html
    assert "rule-in 0.70" in html
    assert f"{row['probability']:.2f}" in html
    assert 'id="heat-switch"' in html
    assert f"/api/v1/instances/{row['first_instance']}/heatmap.png?overlay=true" in html


@pytest.mark.parametrize("data", [made_dicom(view="LL"), made_dicom_without_pixels()], ids=["lateral", "no picture"])
def test_what_was_not_assessed_shows_the_reason_and_no_number(hospital: Hospital, data: bytes) -> None:
    sent = hospital.send(data)
    hospital.assess()

    text = words(page(hospital, f"/studies/{sent.new.study}"))

    assert "not eligible" in text
    assert "without help" in text
    assert "rule-in" not in text


def test_a_failed_radiograph_shows_the_reason_and_can_be_tried_again(hospital: Hospital) -> None:
    sent = hospital.send()
    hospital.system.store.delete(sent.new.store_key)
    hospital.system.store.put(sent.new.store_key, made_jpeg()[:3000])
    hospital.assess()
    doctor = hospital.person("mara")

    shown = doctor.get(f"/studies/{sent.new.study}", headers=PAGE).text
    again = doctor.post(f"/instances/{sent.new.id}/replay", data={"csrf_token": doctor.headers["x-csrf-token"]})

    assert "failed" in words(shown)
    assert f'action="/instances/{sent.new.id}/replay"' in shown
    assert again.status_code == 303
    assert hospital.of(sent.new.id).status == "received"


def test_a_verdict_sent_by_the_form_is_recorded_and_shown(full_hospital: Hospital) -> None:
    doctor = full_hospital.person("mara")
    study = full_hospital.machine().get("/api/v1/studies").json()["studies"][0]["study"]
    form = {"verdict": "disagree", "finding": "effusion", "note": "small <b>left</b>"}

    sent = doctor.post(f"/studies/{study}/reviews", data={**form, "csrf_token": doctor.headers["x-csrf-token"]})
    shown = doctor.get(sent.headers["location"], headers=PAGE).text

    assert sent.status_code == 303
    assert "Your verdict is saved." in shown
    assert "small &lt;b&gt;left&lt;/b&gt;" in shown
    assert ("mara", "reviewed study", study) in full_hospital.accesses()


def test_a_verdict_that_is_not_complete_is_explained(full_hospital: Hospital) -> None:
    doctor = full_hospital.person("mara")
    study = full_hospital.machine().get("/api/v1/studies").json()["studies"][0]["study"]
    token = {"csrf_token": doctor.headers["x-csrf-token"]}

    answer = doctor.post(f"/studies/{study}/reviews", data=token, headers=PAGE)

    assert answer.status_code == 422
    assert "agree, disagree or unsure" in answer.text


def test_while_another_doctor_reads_the_page_says_who(full_hospital: Hospital) -> None:
    nils, mara = full_hospital.person("nils"), full_hospital.person("mara")
    study = full_hospital.machine().get("/api/v1/studies").json()["studies"][0]["study"]
    token = {"csrf_token": nils.headers["x-csrf-token"]}

    claimed = nils.post(f"/studies/{study}/claim", data=token)
    shown = mara.get(f"/studies/{study}", headers=PAGE).text
    listed = mara.get("/", headers=PAGE).text
    released = nils.post(f"/studies/{study}/release", data=token)

    assert (claimed.status_code, released.status_code) == (303, 303)
    assert "nils has this study open until" in shown
    assert "nils is reading" in listed
    assert 'id="verdict"' not in shown
    assert 'id="verdict"' in mara.get(f"/studies/{study}", headers=PAGE).text


def test_the_next_study_is_one_key_away(full_hospital: Hospital) -> None:
    rows = full_hospital.person("mara").get("/api/v1/studies").json()["studies"]

    html = page(full_hospital, f"/studies/{rows[0]['study']}")

    assert f'id="next-study" href="/studies/{rows[1]["study"]}"' in html


def test_a_study_of_several_radiographs_shows_the_deciding_one_and_links_the_others(hospital: Hospital) -> None:
    quiet = hospital.send(made_dicom(UNLIKELY, number=1))
    hospital.send(made_dicom(UNLIKELY, number=1).replace(b"9.1.1.1", b"9.1.1.2"))
    hospital.assess()
    study = quiet.new.study
    if len(hospital.system.records.study(study).instances) < 2:
        pytest.fail("both instances belong to one study")

    html = page(hospital, f"/studies/{study}?instance={quiet.new.id}")

    assert html.count("thumbnail.jpeg") == 2
    assert f"/api/v1/instances/{quiet.new.id}/image.png" in html


def test_a_demonstration_says_so_on_every_page(package: Path, tmp_path: Path) -> None:
    with made_hospital(*made_system(package, tmp_path, demo=True)) as hospital:
        shown = [hospital.stranger().get("/login").text, page(hospital, "/")]

    assert all("Demonstration: nothing here is kept" in html for html in shown)


def test_no_page_has_script_or_style_inside_that_the_policy_would_stop(full_hospital: Hospital) -> None:
    study = full_hospital.machine().get("/api/v1/studies").json()["studies"][0]["study"]

    for path in ("/", f"/studies/{study}"):
        html = page(full_hospital, path)
        assert re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", html) is None
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert "default-src 'none'" in CONTENT_SECURITY_POLICY


def test_every_file_a_page_asks_for_is_there_and_from_here(full_hospital: Hospital) -> None:
    study = full_hospital.machine().get("/api/v1/studies").json()["studies"][0]["study"]
    doctor = full_hospital.person("mara")
    asked: set[str] = set()
    for path in ("/login", "/", f"/studies/{study}"):
        found = Page(doctor.get(path, headers=PAGE).text)
        asked |= {str(one.get("src")) for tag in ("script", "img") for one in found.all(tag)}
        asked |= {str(one.get("href")) for one in found.all("link")}
    css = (FOLDER / "static" / "lingula.css").read_text()
    asked |= set(re.findall(r'url\("([^"]+)"\)', css))

    for url in asked:
        assert url.startswith("/"), url
        assert doctor.get(url).status_code == 200, url


def test_every_picture_has_words_and_every_field_a_label(full_hospital: Hospital) -> None:
    study = full_hospital.machine().get("/api/v1/studies").json()["studies"][0]["study"]

    for path in ("/", f"/studies/{study}", "/login"):
        html = full_hospital.person("mara").get(path, headers=PAGE).text
        found = Page(html)
        assert all("alt" in one for one in found.all("img"))
        for field in found.all("input") + found.all("textarea"):
            if field.get("type") in {"hidden", "radio", "checkbox", "range"} or field.get("name") == "q":
                continue
            assert f'for="{field["id"]}"' in html, field


def test_after_a_promotion_each_radiograph_stays_on_the_limits_of_the_package_that_assessed_it(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "shelf")
    registry.register(made_package(tmp_path / "made"))
    registry.register(made_package(tmp_path / "made", version="2.0.0", thresholds=(0.97, 0.99)))
    registry.promote("made-1.0.0", because="the first", who="test")
    system, clock = made_system(None, tmp_path, registry=tmp_path / "shelf")
    with made_hospital(system, clock) as hospital:
        before = hospital.send(made_jpeg(LIKELY, seed=1))
        hospital.assess()
        registry.promote("made-2.0.0", because="better", who="test")
        system.take_up.run_once()
        after = hospital.send(made_jpeg(LIKELY, seed=2))
        hospital.assess()

        worklist = page(hospital, "/")
        old, new = (page(hospital, f"/studies/{one.new.study}") for one in (before, after))

    assert "Model made 2.0.0" in worklist
    assert "unlikely below 0.30, likely from 0.70" in worklist
    assert "unlikely below 0.97, likely from 0.99" in worklist
    assert "Model made 1.0.0" in old
    assert "Tests only." not in old  # what the package that serves now says of itself is not said of another's answer
    assert "measured on nothing" not in old
    assert "Model made 2.0.0" in new
    assert "Tests only." in new
    assert "measured on nothing" in new
