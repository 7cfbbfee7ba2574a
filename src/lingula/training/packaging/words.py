"""What a recipe did, in the few words that a model card has for it."""

from lingula.modelpackage.manifest import Forebear, Manifest
from lingula.training.recipe import AugmentRecipe, Precision, Recipe, Schedule, Sight

_ARITHMETIC = {Precision.BF16: "bfloat16", Precision.FP32: "32 bits"}


def describe_network(recipe: Recipe) -> str:
    """Say in a few words what reads the radiograph."""
    network = recipe.classifier.network
    names = {"lingula": "a small residual network of our own"}
    seen = "the lungs' box" if network.sees is Sight.LUNGS else "the whole picture"
    return f"{names.get(network.name, network.name)} on {seen} at {network.side} x {network.side} pixels"


def describe_beginnings(manifest: Manifest, recipe: Recipe, finder_of: Forebear | None) -> str:
    """Say where the weights of both networks began.

    Parameters
    ----------
    finder_of
        The package whose lung finder is used, where the recipe takes one; without it the recipe's own word is given.
    """
    finder = recipe.finder.package
    lungs = (
        f"random, seed {recipe.seed}"
        if finder is None
        else f"that of the package {finder_of.label if finder_of else finder}, used as it is"
    )
    return f"classifier: {_classifier_began(manifest, recipe)}; lung finder: {lungs}"


def _classifier_began(manifest: Manifest, recipe: Recipe) -> str:
    """Ask the recipe first: older manifests also name a package of which only the lung finder was taken."""
    network, begun = recipe.classifier.network, manifest.provenance.begun_from
    if network.package is not None:
        return f"weights of the package {begun.label if begun else network.package}"
    if network.pretrained:
        return "learnt on ImageNet" if network.weights is None else f"learnt on ImageNet, from {network.weights}"
    return f"random, seed {recipe.seed}"


def describe_schedule(schedule: Schedule, arithmetic: tuple[Precision, ...] = ()) -> str:
    """Say how weights were moved.

    Parameters
    ----------
    arithmetic
        What the epochs really calculated in; empty where it was not recorded.
    """
    average = f", weights averaged at {schedule.average:g}" if schedule.average else ""
    return (
        f"batches of {schedule.batch}, {schedule.optimiser} at a learning rate of {schedule.learning_rate:g} "
        f"({schedule.pace}), weight decay {schedule.weight_decay:g}{average}, {_calculated(schedule, arithmetic)}"
    )


def _calculated(schedule: Schedule, arithmetic: tuple[Precision, ...]) -> str:
    known = arithmetic or (() if schedule.precision is Precision.AUTO else (schedule.precision,))
    if not known:
        return "in an arithmetic that was not recorded"
    return f"in {' and '.join(_ARITHMETIC[one] for one in known)}"


def describe_augmentation(augment: AugmentRecipe) -> str:
    """Say what training pictures went through."""
    steps = (
        (augment.rotation or augment.zoom or augment.shift or augment.shear, "reframed"),
        (augment.flip, "mirrored"),
        (augment.exposure, "re-exposed"),
        (augment.sharpness, "resharpened"),
        (augment.recompress, "recompressed"),
        (augment.erase, "partly erased"),
        (augment.mixup, "mixed"),
        (augment.swap_surroundings, "put into another patient's surroundings"),
        (augment.blank_lungs, "shown with the lungs blanked out, with the target to be undecided"),
    )
    done = [words for strength, words in steps if strength > 0]
    return f"at random {', '.join(done)}" if done else "left as they are"
