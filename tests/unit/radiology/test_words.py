"""The field's words: identifiers that cannot be printed, priorities that can be ordered."""

import pytest

from lingula.radiology.identifiers import PatientName, SiteName, instance_id, study_id
from lingula.radiology.study import Priority

KEY = b"k" * 32
SITE = SiteName("north")


def test_an_identifying_value_prints_as_a_mask_and_reveals_itself_only_when_asked() -> None:
    name = PatientName("Doe^Jane")

    assert "Doe" not in f"{name} {name!r} {name:>20}" + str(name) + repr([name])
    assert name.reveal() == "Doe^Jane"


def test_equal_identifying_values_are_equal() -> None:
    assert PatientName("a") == PatientName("a")
    assert PatientName("a") != PatientName("b")


def test_an_id_depends_on_key_site_kind_and_identity() -> None:
    given = {
        instance_id(KEY, SITE, "1.2"),
        instance_id(KEY, SITE, "1.3"),
        instance_id(b"other", SITE, "1.2"),
        instance_id(KEY, SiteName("south"), "1.2"),
        study_id(KEY, SITE, "1.2"),
    }

    assert len(given) == 5
    assert instance_id(KEY, SITE, "1.2") == instance_id(KEY, SITE, "1.2")
    assert all(word.isalnum() and word == word.lower() for word in given)


def test_parts_of_an_identity_cannot_be_shifted_between_site_and_uid() -> None:
    assert instance_id(KEY, SiteName("ab"), "c") != instance_id(KEY, SiteName("a"), "bc")


@pytest.mark.parametrize(("first", "second"), [(Priority.STAT, Priority.ASAP), (Priority.URGENT, Priority.ROUTINE)])
def test_priorities_are_ranked_as_they_are_read(first: Priority, second: Priority) -> None:
    assert first.rank < second.rank
