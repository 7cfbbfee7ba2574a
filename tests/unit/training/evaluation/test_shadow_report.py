"""What a candidate's report says of pairs that can be counted by hand."""

import pytest

from lingula.radiology.identifiers import InstanceId, StudyId
from lingula.radiology.study import Band, Status
from lingula.records.reviews import Verdict
from lingula.records.shadows import ShadowCounts, ShadowPair, Side
from lingula.training.evaluation.shadow_report import LEANING, report_lines, report_shadow

COUNTS = ShadowCounts(arrived=12, finished=10, begun=1)
AGREE, DISAGREE = Verdict.AGREE, Verdict.DISAGREE


def side(probability: float | None, package: str, *, out: float = 0.3, into: float = 0.7) -> Side:
    if probability is None:
        return Side(package=package, status=Status.NOT_ELIGIBLE, probability=None, band=None)
    band = Band.LIKELY if probability >= into else Band.UNLIKELY if probability < out else Band.UNSURE
    return Side(package=package, status=Status.ASSESSED, probability=probability, band=band)


def pair(
    number: int,
    serving: float | None,
    shadow: float | None,
    verdict: Verdict | None = None,
    *,
    study: str | None = None,
    band: Band | None = None,
) -> ShadowPair:
    old, new = side(serving, "old-1.0.0"), side(shadow, "new-2.0.0", out=0.2, into=0.8)
    return ShadowPair(
        study=StudyId(study or f"s{number}"),
        instance=InstanceId(f"i{number}"),
        serving=old,
        shadow=new,
        verdict=verdict,
        band=band or old.band,
    )


def test_bands_are_each_packages_own_and_counted_against_each_other() -> None:
    pairs = [pair(1, 0.75, 0.75), pair(2, 0.9, 0.9), pair(3, 0.1, 0.1), pair(4, 0.25, 0.25), pair(5, 0.1, None)]

    report = report_shadow("new-2.0.0", pairs, COUNTS)

    assert report.bands == {"likely": {"unsure": 1, "likely": 1}, "unlikely": {"unlikely": 1, "unsure": 1}}
    assert report.statuses == {"assessed": {"assessed": 4, "not eligible": 1}}
    assert (report.compared, report.serving) == (4, {"old-1.0.0": 5})
    assert report.agreement is not None
    assert report.agreement.value == 0.5
    assert [(one.study, one.serving, one.shadow) for one in report.disagreements] == [
        ("s5", "unlikely", "not eligible"),
        ("s1", "likely", "unsure"),
        ("s4", "unlikely", "unsure"),
    ]


def test_differences_are_candidate_minus_serving() -> None:
    report = report_shadow("new-2.0.0", [pair(1, 0.5, 0.6), pair(2, 0.5, 0.2)], COUNTS)

    assert report.differences is not None
    assert report.differences.mean == pytest.approx(-0.1)
    assert report.differences.standard_deviation == pytest.approx(0.2)
    assert report.differences.greatest == pytest.approx(0.3)
    assert report.differences.quantiles["0.5"] == pytest.approx(-0.1)


@pytest.mark.parametrize(
    ("verdict", "band", "counts"),
    [
        (AGREE, Band.LIKELY, (1, 1)),
        (DISAGREE, Band.LIKELY, (1, 0)),
        (AGREE, Band.UNLIKELY, (1, 0)),
        (DISAGREE, Band.UNLIKELY, (1, 1)),
        (AGREE, Band.UNSURE, (0, 0)),
        (Verdict.UNSURE, Band.LIKELY, (0, 0)),
        (None, Band.LIKELY, (0, 0)),
    ],
)
def test_a_verdict_means_pneumonia_only_where_it_says_so(
    verdict: Verdict | None, band: Band, counts: tuple[int, int]
) -> None:
    reviewed = report_shadow("new-2.0.0", [pair(1, 0.5, 0.5, verdict, band=band)], COUNTS).reviewed

    assert (reviewed.studies, reviewed.with_pneumonia) == counts
    assert reviewed.measured == ()


def test_reviewed_studies_are_measured_by_their_highest_radiograph() -> None:
    """Ten studies: serving misses two of five with pneumonia and flags one of five without; the candidate is right."""
    ill = [pair(n, 0.1 if n < 2 else 0.9, 0.9, DISAGREE if n < 2 else AGREE) for n in range(5)]
    well = [pair(n, 0.9 if n == 5 else 0.1, 0.1, DISAGREE if n == 5 else AGREE) for n in range(5, 10)]
    second = [pair(99, 0.05, 0.05, AGREE, study="s2", band=Band.LIKELY)]  # another radiograph of a study with pneumonia

    reviewed = report_shadow("new-2.0.0", [*ill, *well, *second], COUNTS).reviewed
    found = {one.name: one for one in reviewed.measured}

    assert (reviewed.studies, reviewed.with_pneumonia) == (10, 5)
    assert found["sensitivity at rule-out"].serving.value == pytest.approx(0.6)
    assert found["sensitivity at rule-out"].shadow.value == 1.0
    assert found["sensitivity at rule-out"].shadow.low < 1.0  # five of five is not certainty
    assert found["specificity at rule-in"].serving.value == pytest.approx(0.8)
    # Of 5 ill, 3 lie above 4 of the 5 well and tie with the fifth; 2 tie with 4 and lie below the fifth.
    assert found["AUROC"].serving.value == pytest.approx((3 * 4 + 3 * 0.5 + 2 * 4 * 0.5) / 25)
    assert found["AUROC"].shadow.value == 1.0
    assert found["AUROC"].difference.value == pytest.approx(1.0 - 17.5 / 25)
    assert found["AUROC"].p_value < 0.2


def test_a_report_for_people_says_what_it_cannot_know() -> None:
    few = "\n".join(report_lines(report_shadow("new-2.0.0", [pair(1, 0.75, 0.75, AGREE)], COUNTS)))
    assert "too few to measure: at least 5 with and 5 without" in few
    assert "10 of 12 radiographs that arrived since it began, 1 begun and not ended" in few

    ill = [pair(n, 0.9, 0.1, AGREE) for n in range(30)]
    well = [pair(n, 0.1, 0.1, AGREE) for n in range(30, 60)]
    many = "\n".join(report_lines(report_shadow("new-2.0.0", [*ill, *well], COUNTS)))
    assert LEANING in many
    assert "30 disagreements, the farthest apart first:" in many
    assert "and 10 more: --json names all" in many
    assert "study s7: serving likely 0.9000, candidate unlikely 0.1000" in many


def test_before_anything_was_compared_the_report_says_so() -> None:
    text = "\n".join(report_lines(report_shadow("new-2.0.0", [], ShadowCounts(arrived=0, finished=0, begun=0))))

    assert "new-2.0.0 in shadow beside nothing yet" in text
    assert "0 with a probability from both" in text
