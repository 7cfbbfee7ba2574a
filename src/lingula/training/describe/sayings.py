"""What the numbers of a shortcut audit mean, in sentences that say what to do."""

from collections.abc import Sequence

from lingula.modelpackage.manifest import Estimate
from lingula.training.describe.result import Clue, Shows

_STRONG, _NOTABLE, _SLIGHT = 0.9, 0.75, 0.6
_COIN = 0.5
_TELLING = {
    "image size": "Image size alone tells",
    "file": "The file's size, format and compression alone tell",
    "what the source says": "Site, age, sex and view alone tell",
    "dark borders": "The widths of dark borders alone tell",
    "brightness and contrast": "Brightness and contrast alone tell",
    "power spectrum": "The power spectrum, which is sharpness and grain, alone tells",
    "outermost pixels": "The outermost eighth of the frame alone tells",
    "lungs painted over": "The frame with the lungs painted over tells",
}
_REMEDIES = {
    "image size": "Never feed size, aspect ratio or resolution to a model; bring every picture to one size first",
    "file": "Never feed it to a model; compression leaves traces in pixels too, so recompress at random in training",
    "what the source says": "Judge within each site, age and view, and never feed them to a model",
    "dark borders": "Crop to the lungs, and put borders around pictures at random in training",
    "brightness and contrast": "Standardise each picture and change gamma and contrast at random in training",
    "power spectrum": "Blur, sharpen and recompress at random in training, and judge models by these stresses",
    "outermost pixels": "Crop to the lungs: what lies at the edge belongs to the framing and not to the disease",
    "lungs painted over": (
        "A network that sees the whole frame need not look at lungs at all: crop to the lungs, and measure every model "
        "with the lungs blanked out"
    ),
}
_OTHERS = {
    "whole frame": "What it reaches beyond the lungs alone is likely to stay behind in this hospital",
    "lungs alone": "What a linear reader makes of the lungs themselves: the number that has a right to be high",
}


def mean_of(name: str, auroc: Estimate | None) -> str:
    """Say what the AUROC of one clue means.

    >>> mean_of("image size", Estimate(value=0.951, low=0.94, high=0.96))[:50]
    'Image size alone tells the label with AUROC 0.951.'
    """
    if auroc is None:
        return "Too few patients of one label to say anything."
    if name in _OTHERS:
        return f"AUROC {auroc.value:.3f}. {_OTHERS[name]}."
    how, remedy = _TELLING[name], _REMEDIES[name]
    if auroc.low <= _COIN or auroc.value < _SLIGHT:
        few = " Below one half it is an artefact of few patients." if auroc.high < _COIN else " No shortcut here."
        return f"{how} next to nothing, AUROC {auroc.value:.3f}.{few}"
    if auroc.value >= _STRONG:
        return f"{how} the label with AUROC {auroc.value:.3f}. {remedy}."
    if auroc.value >= _NOTABLE:
        return f"{how} much of the label, AUROC {auroc.value:.3f}. {remedy}."
    return f"{how} a little of the label, AUROC {auroc.value:.3f}. {remedy}."


def unvaried(name: str) -> str:
    """Say why a clue could not be measured."""
    if name == "image size":
        return (
            "All pictures have one size here: whether their size told the label before they were resized cannot be "
            "seen. Describe the originals."
        )
    if name == "what the source says":
        return "The source says nothing of site, age, sex or view, or the same of all."
    return "The same for all radiographs: nothing can be told from it."


def too_few(patients: int) -> str:
    """Say why there is no audit."""
    return f"Fewer than {patients} patients of one label: what could be learned by mistake cannot be measured."


def conclude(clues: Sequence[Clue]) -> str:
    """Say what all clues together mean.

    The strongest clue that shows no lungs is set against what the lungs alone tell the same linear reader.
    """
    measured = [clue for clue in clues if clue.auroc is not None]
    blind = max((clue for clue in measured if clue.shows is Shows.NO_LUNGS), key=_value, default=None)
    lungs = next((clue for clue in measured if clue.name == "lungs alone"), None)
    if blind is None:
        return "Nothing that shows no lungs could be measured here."
    without = f"Without a lung in sight ({blind.name}) a linear reader reaches AUROC {_value(blind):.3f}"
    beside = "" if lungs is None else f"; with nothing but lungs it reaches {_value(lungs):.3f}"
    if _value(blind) >= _STRONG:
        follows = (
            "Whoever trains on whole frames here can be right without looking at lungs, and no number measured inside "
            "this data set will show it. Crop to the lungs, vary framing and sharpness, and judge by stress tests and "
            "with the lungs blanked out."
        )
    elif _value(blind) >= _NOTABLE:
        follows = "That is enough to mislead a network: crop to the lungs and judge with the lungs blanked out."
    elif _value(blind) >= _SLIGHT:
        follows = "That is little, but look at it again when a model seems too good."
    else:
        follows = "No shortcut was found, which does not prove that there is none."
    return f"{without}{beside}. {follows}"


def _value(clue: Clue) -> float:
    return 0.0 if clue.auroc is None else clue.auroc.value
