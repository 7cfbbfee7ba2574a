"""A recipe says only what is different from the one it extends, and a run keeps the whole."""

from pathlib import Path

import pytest

from lingula.errors import TrainingError
from lingula.training.recipe import AugmentRecipe, Sight
from lingula.training.recipe_file import parse_recipe, read_recipe, resolve_recipe

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_of_the_repository_holds(path: Path) -> None:
    recipe = read_recipe(path)
    assert parse_recipe(resolve_recipe(path), name="resolved") == recipe
    expected = "pneumonia-children" if path.stem == "default" else path.stem
    assert recipe.package.name == expected


def test_a_recipe_that_extends_another_changes_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text('a = 1\n[deep]\nkept = "yes"\nlist = [1, 2]\n')
    (tmp_path / "own.toml").write_text('extends = "base.toml"\na = 2\n[deep]\nlist = [3]\n')
    text = resolve_recipe(tmp_path / "own.toml")
    assert "extends" not in text
    assert 'kept = "yes"' in text
    assert "a = 2" in text
    assert "1,\n" not in text


def test_a_recipe_on_its_own_keeps_its_comments(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text("a = 1 # why\n")
    assert resolve_recipe(path) == "a = 1 # why\n"


def test_overrides_are_values_of_toml_or_text() -> None:
    text = resolve_recipe(
        RECIPES / "default.toml",
        ["classifier.schedule.epochs=3", "classifier.network.sees=frame", "classifier.network.head=[8, 4]"],
    )
    classifier = parse_recipe(text, name="changed").classifier
    assert classifier.schedule.epochs == 3
    assert classifier.network.sees is Sight.FRAME
    assert classifier.network.head == (8, 4)
    assert "classifier.schedule.epochs=3" in text.splitlines()[0]


@pytest.mark.parametrize("override", ["classifier.schedule.epochs", "=3", "a b=3"])
def test_what_overrides_nothing_is_refused(override: str) -> None:
    with pytest.raises(TrainingError, match="overrides nothing"):
        resolve_recipe(RECIPES / "default.toml", [override])


def test_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n')
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n')
    with pytest.raises(TrainingError, match="circle"):
        resolve_recipe(tmp_path / "a.toml")


def test_a_misspelt_key_is_named_with_its_place() -> None:
    text = resolve_recipe(RECIPES / "default.toml", ["classifier.schedule.epoch=3"])
    with pytest.raises(
        TrainingError, match=r"unknown key 'epoch' in \[classifier\.schedule\]; did you mean 'epochs'\?$"
    ):
        parse_recipe(text, name="default.toml")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("classifer.x=1", "unknown key 'classifer' at the top; did you mean 'classifier'?"),
        ("gate.auroc=1", "unknown key 'auroc' in [gate]; did you mean 'auroc_at_least'?"),
        ("tracking.zz=1", "unknown key 'zz' in [tracking]; known are mlflow, tensorboard"),
        ("data.credits=[{ nme = 1 }]", "unknown key 'nme' in [data.credits]; did you mean 'name'?"),
        (
            "classifier.network.trainable=heads",
            "classifier.network.trainable should be 'all' or 'head', or a valid integer; it is 'heads'",
        ),
        ("classifier.network.sees=eyes", "classifier.network.sees should be 'lungs' or 'frame'; it is 'eyes'"),
        ("classifier.schedule.epochs=0", "classifier.schedule.epochs should be greater than 0; it is 0"),
        ("classifier.schedule.epochs=many", "classifier.schedule.epochs should be a valid integer; it is 'many'"),
        ("classifier.schedule.epochs=", "classifier.schedule.epochs is missing"),
        (
            "classifier.loss.class_weights=[1]",
            "classifier.loss.class_weights should be 'none' or 'balanced', or a list with all its values",
        ),
        (
            "classifier.network.widths=[1, 2, 3, 'a']",
            "classifier.network.widths.3 should be a valid integer; it is 'a'",
        ),
        ("package.label=7", "package.label should be a section; it is 7"),
        ("finder.schedule=", "finder: give either [finder.schedule], to train one, or package, to take one"),
        (
            "finder.schedule.batch=2",
            "finder: [finder.schedule] batch (2) is dealt in thirds; give 3 or more",
        ),
        ("seed=-1", "seed should be greater than or equal to 0; it is -1"),
        ("seed=2147483648", "seed should be less than 2147483648; it is 2147483648"),
        ("split.judged=6", "split: judged (6) are more than there are folds (5)"),
        (
            "classifier.loss.class_weights=[0, 1]",
            "classifier.loss.class_weights should be 'none' or 'balanced', or greater than 0",
        ),
        (
            "classifier.schedule.learning_rate=inf",
            "classifier.schedule.learning_rate should be a finite number; it is inf",
        ),
        ("classifier.schedule.epochs=true", "classifier.schedule.epochs should be a valid integer; it is true"),
        (
            "classifier.network.trainable=true",
            "classifier.network.trainable should be 'all' or 'head', or a valid integer; it is true",
        ),
        ("classifier.network.head=[8, false]", "classifier.network.head.1 should be a valid integer; it is false"),
        ("classifier.augment.mixup=true", "classifier.augment.mixup should be a valid number; it is true"),
        ("gate.auroc_at_least=true", "gate.auroc_at_least should be a valid number; it is true"),
        (
            "package.intended_use.age_years_min=true",
            "package.intended_use.age_years_min should be a valid number; it is true",
        ),
    ],
)
def test_what_does_not_hold_is_said_in_words_of_recipes(override: str, said: str) -> None:
    with pytest.raises(TrainingError) as refused:
        parse_recipe(resolve_recipe(RECIPES / "default.toml", [override]), name="r")
    assert str(refused.value) == f"recipe r: {said}"


@pytest.mark.parametrize(("override", "judges"), [("split.judged=1", "1 of 5"), ("split.folds=0", "0 of 0")])
def test_teachers_that_no_fold_would_train_are_refused_before_anything_is_trained(override: str, judges: str) -> None:
    with pytest.raises(TrainingError) as refused:
        parse_recipe(resolve_recipe(RECIPES / "default.toml", [override]), name="r")
    assert str(refused.value) == (
        "recipe r: teacher_weight (0.5) in [classifier.loss] asks every fold's network, but [split] judges "
        f"{judges} folds; judge all of some, or set teacher_weight to 0"
    )


def test_one_fold_may_be_judged_where_nobody_is_taught() -> None:
    text = resolve_recipe(RECIPES / "default.toml", ["split.judged=1", "classifier.loss.teacher_weight=0"])
    assert parse_recipe(text, name="results").split.judged == 1
    text = resolve_recipe(RECIPES / "default.toml", ["split.judged=5"])
    assert parse_recipe(text, name="all").classifier.loss.teacher_weight == 0.5


def test_batch_normalisation_of_one_picture_is_refused() -> None:
    alone = ["classifier.schedule.batch=1", "classifier.network.batch_norm=true"]
    with pytest.raises(TrainingError, match=r"r: classifier: batch_norm in .* needs a batch of 2 or more"):
        parse_recipe(resolve_recipe(RECIPES / "default.toml", alone), name="r")


def test_an_override_takes_a_key_or_a_section_out() -> None:
    text = resolve_recipe(RECIPES / "default.toml", ["data.outliers=", "classifier.augment="])
    recipe = parse_recipe(text, name="less")
    assert recipe.data.outliers is None
    assert recipe.data.masks is not None
    assert recipe.classifier.augment == AugmentRecipe()


@pytest.mark.parametrize("override", ["data.nothing=", "none.at.all=", "seed.deep="])
def test_what_is_not_there_cannot_be_taken_out(override: str) -> None:
    with pytest.raises(TrainingError, match="takes nothing out: the recipe has no"):
        resolve_recipe(RECIPES / "default.toml", [override])


def test_a_finder_that_is_taken_ends_an_inherited_schedule_and_the_other_way_round(tmp_path: Path) -> None:
    (tmp_path / "taken.toml").write_text(f'extends = "{RECIPES / "default.toml"}"\n[finder]\npackage = "shipped"\n')
    taken = read_recipe(tmp_path / "taken.toml").finder
    assert (taken.schedule, taken.package) == (None, "shipped")
    text = resolve_recipe(RECIPES / "default.toml", ["finder.package=shipped"])
    assert parse_recipe(text, name="overridden").finder == taken
    trained = parse_recipe(
        resolve_recipe(tmp_path / "taken.toml", ["finder.schedule={ epochs = 1, batch = 6, learning_rate = 1e-3 }"]),
        name="trained",
    ).finder
    assert trained.package is None
    assert trained.schedule is not None
    wider = parse_recipe(resolve_recipe(RECIPES / "default.toml", ["finder.widths=[8, 8, 8, 8]"]), name="wider").finder
    assert wider.schedule is not None


def test_a_missing_recipe_and_one_that_is_no_toml_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="recipes/"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("= 1")
    with pytest.raises(TrainingError, match="no TOML"):
        read_recipe(tmp_path / "bad.toml")


def test_what_the_network_sees_grows_to_its_side() -> None:
    text = resolve_recipe(RECIPES / "default.toml", ["classifier.grow_from=80", "classifier.network.side=144"])
    classifier = parse_recipe(text, name="default.toml").classifier
    sides = [classifier.at(done / 8).network.side for done in range(8)]
    assert sides == [80, 96, 96, 112, 128, 128, 144, 144]
    assert classifier.at(0.5).schedule == classifier.schedule


def test_nothing_grows_unless_a_recipe_says_so_and_nothing_shrinks() -> None:
    classifier = read_recipe(RECIPES / "default.toml").classifier.model_copy(update={"grow_from": None})
    assert classifier.at(0.0) == classifier
    text = resolve_recipe(RECIPES / "default.toml", ["classifier.grow_from=160", "classifier.network.side=144"])
    with pytest.raises(TrainingError, match=r"grow_from \(160\) is more than the network's side \(144\)"):
        parse_recipe(text, name="default.toml")
