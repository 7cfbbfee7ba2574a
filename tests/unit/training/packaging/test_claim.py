from html.parser import HTMLParser
from pathlib import Path

import markdown  # type: ignore[import-untyped]  # ships no annotations
import pytest
from made.findings import made_findings
from made.packages import made_manifest

from lingula.modelpackage.manifest import Forebear, Manifest
from lingula.training.evidence.findings import Findings
from lingula.training.packaging.card import Origin, assemble_manifest, write_card
from lingula.training.packaging.claim import NOT_REPORTED, ClaimItem, claim_items
from lingula.training.packaging.words import describe_schedule
from lingula.training.recipe import AugmentRecipe, FinderRecipe, Precision, Recipe, Sight
from lingula.training.recipe_file import read_recipe

RECIPE = read_recipe(Path(__file__).parents[4] / "recipes" / "default.toml")


SHIPPED = Forebear(label="pneumonia-children-1.1.0", sha256="1" * 64)
OWN_FINDER = "lung finder: random, seed 20261121"
TAKEN_FINDER = "lung finder: that of the package pneumonia-children-1.1.0, used as it is"


def items(
    recipe: Recipe = RECIPE, *, manifest: Manifest | None = None, finder_of: Forebear | None = None
) -> dict[int, ClaimItem]:
    made = claim_items(manifest or made_manifest(), made_findings(), recipe, finder_of)
    return {item.number: item for item in made}


def begun_from_shipped() -> Manifest:
    manifest = made_manifest()
    return manifest.model_copy(update={"provenance": manifest.provenance.model_copy(update={"begun_from": SHIPPED})})


def changed(**network: object) -> Recipe:
    """Give the recipe with another network that learns."""
    begun = RECIPE.classifier.network.model_copy(update=network)
    return RECIPE.model_copy(update={"classifier": RECIPE.classifier.model_copy(update={"network": begun})})


def with_shipped_finder(recipe: Recipe) -> Recipe:
    return recipe.model_copy(update={"finder": FinderRecipe(package="shipped")})


def test_every_item_of_the_checklist_is_there_once_and_in_order() -> None:
    made = claim_items(made_manifest(), made_findings(), RECIPE)

    assert [item.number for item in made] == list(range(1, 45))
    assert {made[number - 1].name for number in (14, 20, 28, 33, 39, 44)} == {
        "definition",
        "level at which parts are disjoint",
        "metrics",
        "external data",
        "failures",
        "funding",
    }


def test_what_a_package_does_not_know_is_not_reported() -> None:
    made = items()

    for number in (5, 11, 13, 15, 18, 33, 34, 36, 44):
        assert made[number].says.startswith(NOT_REPORTED)
        assert not made[number].is_reported
    assert made[37].says == "AUROC 0.9500 (0.8500 to 1.0000)"
    assert made[37].is_reported


def test_answers_follow_the_recipe() -> None:
    other = RECIPE.model_copy(
        update={
            "split": RECIPE.split.model_copy(update={"by": "image"}),
            "classifier": RECIPE.classifier.model_copy(
                update={
                    "augment": AugmentRecipe.nothing(),
                    "network": RECIPE.classifier.network.model_copy(
                        update={"name": "resnet50", "sees": Sight.FRAME, "pretrained": True}
                    ),
                }
            ),
        }
    )
    made = items(other)

    assert items()[20].says == "patients"
    assert "flatters" in made[20].says
    assert made[24].says == f"classifier: learnt on ImageNet; {OWN_FINDER}"
    assert "pictures left as they are" in made[25].says
    assert "resnet50 on the whole picture" in made[22].says
    assert "shown with the lungs blanked out" in items()[25].says


@pytest.mark.parametrize(
    ("network", "began"),
    [
        ({}, "classifier: random, seed 20261121"),
        ({"name": "resnet50", "pretrained": True}, "classifier: learnt on ImageNet"),
        ({"name": "resnet50", "pretrained": True, "weights": "r.pth"}, "classifier: learnt on ImageNet, from r.pth"),
        ({"package": "shipped"}, "classifier: weights of the package pneumonia-children-1.1.0"),
    ],
)
def test_the_finders_package_is_not_where_the_classifier_began(network: dict[str, object], began: str) -> None:
    """Manifests of older versions name the package of the finder alone as what they were begun from."""
    recipe, manifest = changed(**network), begun_from_shipped()

    assert items(recipe, manifest=manifest)[24].says == f"{began}; {OWN_FINDER}"
    taken = with_shipped_finder(recipe)
    assert items(taken, manifest=manifest, finder_of=SHIPPED)[24].says == f"{began}; {TAKEN_FINDER}"
    assert f"Initial weights: {began}; {TAKEN_FINDER}." in write_card(
        manifest, made_findings(), taken, finder_of=SHIPPED
    )


def test_what_nobody_recorded_is_named_as_the_recipe_does() -> None:
    says = items(with_shipped_finder(changed(package="other.lingula")))[24].says

    assert says == (
        "classifier: weights of the package other.lingula; lung finder: that of the package shipped, used as it is"
    )


def test_the_manifest_names_the_finders_package_apart_from_the_one_it_was_begun_from() -> None:
    origin = Origin(
        recipe_text="",
        split_digest="",
        commit=None,
        parity=0.0,
        graph=(made_manifest().input, made_manifest().outputs),
        finder_of=SHIPPED,
    )
    made = assemble_manifest(with_shipped_finder(RECIPE), made_findings(), origin)

    assert made.provenance.begun_from is None
    assert "lungs found by the finder of pneumonia-children-1.1.0" in made.evidence.method


def test_numbers_of_the_set_that_chose_say_that_other_patients_of_it_measured_them() -> None:
    made = items()

    for number in (32, 38):
        assert "each part of its patients measured by what the other parts chose" in made[number].says
    assert "are **cross-fitted**" in write_card(made_manifest(), made_findings(), RECIPE)
    assert "over the patients" in made[29].says


def test_a_run_of_an_older_version_whose_numbers_flatter_still_says_so() -> None:
    """Its findings lie in its folder as they were measured; only the export is new."""
    old = Findings.model_validate(made_findings().model_dump(exclude={"cross_fitted"}))
    says = {item.number: item.says for item in claim_items(made_manifest(), old, RECIPE)}

    for number in (32, 38):
        assert "chosen and measured on the same radiographs" in says[number]
    assert "**Chosen and measured on the same radiographs:**" in write_card(made_manifest(), old, RECIPE)


def test_the_arithmetic_that_was_used_is_said_and_no_average_is_none() -> None:
    schedule = RECIPE.classifier.schedule
    both = (Precision.BF16, Precision.FP32)

    assert describe_schedule(schedule, both).endswith("weights averaged at 0.995, in bfloat16 and 32 bits")
    assert describe_schedule(schedule).endswith("in an arithmetic that was not recorded")
    fixed = schedule.model_copy(update={"precision": Precision.FP32, "average": 0.0})
    assert describe_schedule(fixed).endswith("weight decay 0.05, in 32 bits")
    findings = made_findings().model_copy(update={"arithmetic": (Precision.BF16,)})
    assert ", in bfloat16, binary loss" in write_card(made_manifest(), findings, RECIPE)


def test_a_sample_was_not_all_there_were() -> None:
    drawn = RECIPE.model_copy(update={"data": RECIPE.data.model_copy(update={"sample": 150})})

    assert (items()[10].says, items()[21].says) == (
        "all radiographs of the source",
        f"{NOT_REPORTED}; all radiographs there were",
    )
    assert (items(drawn)[10].says, items(drawn)[21].says) == (
        "150 radiographs drawn by seed",
        f"{NOT_REPORTED}; 150 radiographs were drawn by seed",
    )


def test_the_card_is_what_it_is_meant_to_be_once_it_is_drawn() -> None:
    manifest = made_manifest()
    findings = made_findings().model_copy(update={"notes": ("the tuning part also chose the epoch that is kept",)})
    drawn = _Drawn()
    drawn.feed(markdown.markdown(write_card(manifest, findings, RECIPE), extensions=["tables"]))

    measured = 1 + 1 + 1 + len(findings.by_finding) + len(findings.stressed) + 1 + 1
    assert drawn.rows == [1 + measured, 1 + 2, 1 + 44]
    assert drawn.items == [len(manifest.intended_use.exclusions)]  # the made package credits no data
    begins = [text.split(maxsplit=3)[:3] for text in drawn.paragraphs]
    assert ["Radiographs", "that", "say"] in begins  # after the exclusions
    assert ["Greatest", "difference", "of"] in begins  # after the operating points
    assert ["Mind:", "the", "tuning"] in begins
    assert ["Calibration", "and", "both"] in begins
    assert not any("|" in text for text in drawn.paragraphs)


class _Drawn(HTMLParser):
    """Counts rows by table and items by list, and keeps what stands in paragraphs outside of both."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []
        self.items: list[int] = []
        self.paragraphs: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Go into an element."""
        del attrs
        for kept, of, one in ((self.rows, "table", "tr"), (self.items, "ul", "li")):
            if tag == of:
                kept.append(0)
            elif tag == one:
                kept[-1] += 1
        if tag == "p" and not {"table", "ul"} & set(self._open):
            self.paragraphs.append("")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep what stands in a paragraph."""
        if "p" in self._open and not {"table", "ul"} & set(self._open):
            self.paragraphs[-1] += data


def test_the_card_has_the_checklist_as_a_table_and_says_what_the_recipe_says() -> None:
    manifest = made_manifest()
    use = manifest.intended_use.model_copy(update={"exclusions": ("a | b",)})

    card = write_card(manifest.model_copy(update={"intended_use": use}), made_findings(), RECIPE)

    rows = [line for line in card.splitlines() if line.startswith("| ") and "Methods: " in line]
    assert len(rows) == 30
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)
    assert "only the box around them" in card
    assert "number above flatters" not in card
    assert "items are reported" in card
