"""What people write to bind a site is checked and brought into one form; the longest beginning decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lingula.errors import SettingsError
from lingula.radiology.identifiers import SiteName
from lingula.records.accounts import Binding, BindingKind
from lingula.records.bindings import binding_value, site_of_address


@pytest.mark.parametrize(
    ("kind", "written", "kept"),
    [
        (BindingKind.AE_TITLE, "CT_1 ", "CT_1"),
        (BindingKind.AE_TITLE, "SIXTEEN.LETTERS-", "SIXTEEN.LETTERS-"),
        (BindingKind.BUCKET, "s3://images", "s3://images"),
        (BindingKind.BUCKET, "s3://images//north/", "s3://images/north"),
        (BindingKind.FOLDER, "/srv//north/../south/", "/srv/south"),
    ],
)
def test_what_is_written_is_kept_in_one_form(kind: BindingKind, written: str, kept: str) -> None:
    assert binding_value(kind, written) == kept
    assert binding_value(kind, kept) == kept


@pytest.mark.parametrize(
    ("kind", "written"),
    [
        (BindingKind.AE_TITLE, ""),
        (BindingKind.AE_TITLE, "none:north"),
        (BindingKind.AE_TITLE, "SEVENTEEN_LETTERS"),
        (BindingKind.AE_TITLE, "A\\B"),
        (BindingKind.API_KEY, "secret"),
        (BindingKind.BUCKET, "images/north"),
        (BindingKind.BUCKET, "s3://key:secret@images/north"),
        (BindingKind.BUCKET, "s3://images/north?endpoint=http://elsewhere"),
        (BindingKind.BUCKET, "s3://images/a//b"),
        (BindingKind.FOLDER, "north"),
        (BindingKind.FOLDER, "/srv/\0"),
    ],
)
def test_what_no_door_could_compare_is_refused(kind: BindingKind, written: str) -> None:
    with pytest.raises(SettingsError):
        binding_value(kind, written)


def test_the_longest_beginning_decides() -> None:
    bound = [
        Binding(kind=BindingKind.BUCKET, value=value, site=SiteName(site))
        for value, site in (("s3://images", "all"), ("s3://images/north", "north"), ("s3://images/north/ct", "ct"))
    ]
    assert site_of_address(bound, "s3://images/north/ct/1.dcm") == "ct"
    assert site_of_address(bound, "s3://images/north/1.dcm") == "north"
    assert site_of_address(bound, "s3://images/northern/1.dcm") == "all"
    assert site_of_address(bound, "s3://images-2/1.dcm") is None


@given(st.text(), st.sampled_from(BindingKind))
def test_anything_is_either_refused_or_kept_for_good(written: str, kind: BindingKind) -> None:
    try:
        kept = binding_value(kind, written)
    except SettingsError:
        return
    assert binding_value(kind, kept) == kept
