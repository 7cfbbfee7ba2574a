from pathlib import Path

from made.findings import made_findings
from made.packages import made_manifest

from lingula.training.packaging.card import write_card
from lingula.training.packaging.claim import NOT_REPORTED, ClaimItem, claim_items
from lingula.training.recipe import AugmentRecipe, Recipe, Sight
from lingula.training.recipe_file import read_recipe

RECIPE = read_recipe(Path(__file__).parents[4] / "recipes" / "default.toml")


def items(recipe: Recipe = RECIPE) -> dict[int, ClaimItem]:
    return {item.number: item for item in claim_items(made_manifest(), made_findings(), recipe)}


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
    changed = RECIPE.model_copy(
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
    made = items(changed)

    assert items()[20].says == "patients"
    assert "flatters" in made[20].says
    assert made[24].says == "learnt on ImageNet"
    assert "pictures left as they are" in made[25].says
    assert "resnet50 on the whole picture" in made[22].says
    assert "robbed of their lungs" in items()[25].says


def test_the_card_has_the_checklist_as_a_table_and_says_what_the_recipe_says() -> None:
    manifest = made_manifest()
    use = manifest.intended_use.model_copy(update={"exclusions": ("a | b",)})

    card = write_card(manifest.model_copy(update={"intended_use": use}), made_findings(), RECIPE)

    rows = [line for line in card.splitlines() if line.startswith("| ") and "Methods: " in line]
    assert len(rows) == 30
    assert all(row.replace("\\|", "").count("|") == 4 for row in rows)
    assert "only the box around them" in card
    assert "flatters" not in card
    assert "items are reported" in card
