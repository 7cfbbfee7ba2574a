"""Pictures for people: the radiograph, small and large, with the heat map; each look is written down."""

import io

import numpy as np
import pytest
from httpx import Response
from made.hospital import Hospital, made_dicom, made_dicom_without_pixels
from made.triage import made_chest, made_jpeg
from PIL import Image

from lingula.doors.http.pictures import THUMBNAIL_PIXELS, Thumbnails
from lingula.radiology.identifiers import InstanceId
from lingula.records.records import StoredInstance


def picture(answer: Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content))


@pytest.fixture
def assessed(hospital: Hospital) -> StoredInstance:
    sent = hospital.send(made_dicom())
    hospital.assess()
    return sent


def path(stored: StoredInstance, name: str) -> str:
    return f"/api/v1/instances/{stored.new.id}/{name}"


def test_the_radiograph_is_given_whole_and_grey(hospital: Hospital, assessed: StoredInstance) -> None:
    shown = picture(hospital.machine().get(path(assessed, "image.png")))

    assert (shown.format, shown.mode, shown.size) == ("PNG", "L", (560, 480))
    assert np.abs(np.asarray(shown, dtype=int) - made_chest()).mean() < 2


def test_a_window_changes_what_is_seen(hospital: Hospital, assessed: StoredInstance) -> None:
    machine = hospital.machine()

    plain = np.asarray(picture(machine.get(path(assessed, "image.png"))), dtype=float)
    narrow = np.asarray(picture(machine.get(path(assessed, "image.png?window=160,40"))), dtype=float)

    assert narrow.std() > plain.std() * 1.3


@pytest.mark.parametrize("window", ["", "1", "1,2,3", "a,b", "10,0", "10,-5", "nan,1", "1,nan", "inf,1", "1,1e9"])
def test_a_window_that_is_none_is_refused(hospital: Hospital, assessed: StoredInstance, window: str) -> None:
    assert hospital.machine().get(path(assessed, f"image.png?window={window}")).status_code == 422


def test_a_thumbnail_is_small_and_carries_nothing_of_the_file(hospital: Hospital, assessed: StoredInstance) -> None:
    answer = hospital.machine().get(path(assessed, "thumbnail.jpeg"))

    shown = picture(answer)
    assert max(shown.size) == THUMBNAIL_PIXELS
    assert len(answer.content) < 20_000
    assert shown.getexif() == {}
    assert "no-store" in answer.headers["cache-control"]


def test_the_heat_map_is_drawn_over_the_radiograph_or_alone(hospital: Hospital, assessed: StoredInstance) -> None:
    machine = hospital.machine()

    whole = picture(machine.get(path(assessed, "heatmap.png")))
    alone = picture(machine.get(path(assessed, "heatmap.png?overlay=true")))

    assert whole.mode == "RGB"
    assert alone.mode == "RGBA"
    assert whole.size[0] / whole.size[1] == pytest.approx(560 / 480, rel=0.01)
    assert alone.size[0] / alone.size[1] == pytest.approx(560 / 480, rel=0.01)
    assert np.asarray(alone)[..., 3].max() > 0


def test_what_was_not_assessed_has_no_heat_map(hospital: Hospital) -> None:
    sent = hospital.send()

    answer = hospital.machine().get(path(sent, "heatmap.png"))

    assert answer.status_code == 404
    assert "received" in answer.json()["detail"]


def test_a_file_without_a_picture_is_no_server_error(hospital: Hospital) -> None:
    sent = hospital.send(made_dicom_without_pixels())
    hospital.assess()

    answers = [hospital.machine().get(path(sent, name)) for name in ("image.png", "thumbnail.jpeg", "heatmap.png")]

    assert [answer.status_code for answer in answers] == [422, 422, 404]


def test_the_original_is_given_as_it_was_sent(hospital: Hospital, assessed: StoredInstance) -> None:
    answer = hospital.machine().get(path(assessed, "original"))

    assert answer.content == made_dicom()
    assert answer.headers["content-type"] == "application/dicom"
    assert answer.headers["content-disposition"] == f'attachment; filename="{assessed.new.id}.dcm"'


def test_who_looks_is_written_down_once_in_a_few_minutes(hospital: Hospital, assessed: StoredInstance) -> None:
    doctor = hospital.person("nils")
    for _ in range(3):
        doctor.get(path(assessed, "image.png"))
    doctor.get(path(assessed, "original"))
    hospital.clock.move(minutes=6)
    doctor.get(path(assessed, "image.png"))

    instance = assessed.new.id
    assert [one for one in hospital.accesses() if one[2] == instance] == [
        ("nils", "looked at radiograph", instance),
        ("nils", "fetched original", instance),
        ("nils", "looked at radiograph", instance),
    ]


def test_a_machine_that_looks_is_written_down_by_its_site(hospital: Hospital, assessed: StoredInstance) -> None:
    hospital.machine().get(path(assessed, "heatmap.png"))

    assert ("site:north", "looked at heat map", assessed.new.id) in hospital.accesses()


def test_thumbnails_are_drawn_once_and_forgotten_when_they_grow_too_many() -> None:
    thumbnails, drawn = Thumbnails(at_most_bytes=6_000), list[str]()

    def look(name: str) -> bytes:
        def original() -> bytes:
            drawn.append(name)
            return made_jpeg()

        return thumbnails.of(InstanceId(name), original)

    first = look("i1")
    assert look("i1") == first
    assert drawn == ["i1"]
    for number in range(2, 9):
        look(f"i{number}")
    look("i1")

    assert drawn[-1] == "i1"
