"""A data set's way in one file, in order: gather, split, cross-validate, train, settle, export.

Everything a run makes lies in its folder and is made once: a run that was killed goes on where it stopped, and
`export_run` can be repeated without training.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from lingula.errors import TrainingError
from lingula.modelpackage.archive import write_package
from lingula.modelpackage.manifest import Forebear, Rounding
from lingula.modelpackage.preprocessing import DEFAULT_PREPROCESSING
from lingula.training.charts import write_charts
from lingula.training.data.labelled import Part
from lingula.training.data.predictions import FILE_NAME as PREDICTIONS
from lingula.training.data.predictions import write_predictions
from lingula.training.data.split import Split, read_split, split_dataset, write_split
from lingula.training.evidence.crossvalidate import cross_validate, judge_held_part, teachers
from lingula.training.evidence.findings import Findings, check_gate
from lingula.training.evidence.foresight import foretold
from lingula.training.evidence.judging import Judged
from lingula.training.evidence.settle import Looker, settle, strange_logits
from lingula.training.evidence.weigh import weigh
from lingula.training.figures import draw_history
from lingula.training.learning.devices import current_crew, keep_freed_memory, said_of_arithmetic
from lingula.training.learning.journal import EpochProgress, Journal, read_history
from lingula.training.learning.material import gather
from lingula.training.learning.stages import Lesson, Listeners, Networks, TrainingMaterial, train_networks
from lingula.training.learning.tracking import Say, Tracking, open_tracking
from lingula.training.learning.train import try_out
from lingula.training.networks import (
    LungFinder,
    Reader,
    Settlement,
    bare_classifier,
    open_package,
)
from lingula.training.packaging.card import Origin, assemble_manifest, write_card
from lingula.training.packaging.export import describe_graph, export_graph, measure_parity
from lingula.training.packaging.quantise import round_graph
from lingula.training.recipe import Recipe
from lingula.training.recipe_file import parse_recipe, read_recipe, resolve_recipe

_PARITY_PICTURES = 200  # at most


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run's folder and what is in it."""

    folder: Path
    data: Path

    @property
    def recipe_path(self) -> Path:
        """The recipe as it was when the run began."""
        return self.folder / "recipe.toml"

    @property
    def split_path(self) -> Path:
        """Who is trained on and who decides."""
        return self.folder / "split.json"

    @property
    def networks_path(self) -> Path:
        """Weights and settlement of the final networks."""
        return self.folder / "networks.pt"

    @property
    def history_path(self) -> Path:
        """One line for each epoch of each stage."""
        return self.folder / "history.jsonl"

    @property
    def findings_path(self) -> Path:
        """What was measured."""
        return self.folder / "findings.json"


def begin_run(recipe: Path, folder: Path, data: Path, overrides: Sequence[str] = ()) -> Run:
    """Make or reopen a run's folder, which keeps the recipe as it was resolved.

    A corrected recipe takes the place of one whose run came to nothing yet.

    Parameters
    ----------
    overrides
        What is changed in the recipe for this run, each as ``classifier.schedule.epochs=5``.

    Raises
    ------
    TrainingError
        If the recipe does not hold or could not train here, or the folder holds what another recipe made.
    """
    text = resolve_recipe(recipe, overrides)
    wanted = parse_recipe(text, name=str(recipe))
    try_out(wanted, data)  # a wrong name, missing weights or too small a side show now, not in an hour
    run = Run(folder=folder, data=data)
    folder.mkdir(parents=True, exist_ok=True)
    if not run.recipe_path.exists():
        run.recipe_path.write_text(text)
    elif not _says(run.recipe_path, wanted):
        _forget_first_try(run)
        run.recipe_path.write_text(text)
    return run


def _says(path: Path, wanted: Recipe) -> bool:
    """Tell whether a recipe that lies in a run comes to the same, in whatever words and order."""
    try:
        return read_recipe(path) == wanted
    except TrainingError:  # what does not hold was another recipe: one that was corrected, or of another version
        return False


def _forget_first_try(run: Run) -> None:
    """Make way for another recipe, if nothing was learnt by the one before; its split follows from it alone."""
    if any(path.is_file() and path not in {run.recipe_path, run.split_path} for path in run.folder.rglob("*")):
        raise TrainingError(f"{run.folder} was begun with another recipe; choose another --out or remove it")
    run.split_path.unlink(missing_ok=True)


def train_run(run: Run, *, progress: EpochProgress, say: Say, environment: Mapping[str, str] | None = None) -> Findings:
    """Train everything a recipe asks for and write down what was measured.

    Parameters
    ----------
    environment
        Where MLFLOW_TRACKING_URI may stand; without it nothing is tracked outside the run's folder.
    """
    keep_freed_memory()
    recipe = read_recipe(run.recipe_path)
    material = _material(run, recipe, say)
    split = _split(run, recipe, material, say)
    say(said_of_arithmetic(current_crew().device, recipe.classifier.schedule.precision))
    tracking = Tracking()
    if environment is not None:
        tracking = open_tracking(recipe, recipe.tracking, run.history_path, environment, say)
    listeners = Listeners(progress=progress, journal=Journal(run.history_path, (tracking.heard,)))
    judged = None
    if split.fold_count:
        judged = cross_validate(material, split, recipe, folder=run.folder, listeners=listeners)
    networks = _train_shipped(run, recipe, material, split, listeners)
    looker = Looker(networks.finder, networks.classifier, material.dataset.pixels)
    if judged is None:
        judged = judge_held_part(looker, split, recipe, folder=run.folder / "final")
    findings = _settled(run, material, split, judged, networks, looker)
    tracking.finish(findings.measured, (run.recipe_path, run.findings_path, run.history_path))
    for line in findings.lines():
        say(line)
    return findings


def _material(run: Run, recipe: Recipe, say: Say) -> TrainingMaterial:
    material = gather(recipe.data, run.data, seed=recipe.seed, cache=run.folder.parent / "cache")
    say(str(material.dataset.report))
    if recipe.data.sample is not None:
        say(f"of these {recipe.data.sample} are drawn by seed {recipe.seed}")
    return material


def _split(run: Run, recipe: Recipe, material: TrainingMaterial, say: Say) -> Split:
    path, wanted = run.split_path, recipe.split
    if path.exists():
        split = read_split(path, material.dataset)
    else:
        split = split_dataset(
            material.dataset,
            by=wanted.by,
            tuning=wanted.tuning,
            test=wanted.test,
            folds=wanted.folds,
            seed=recipe.seed,
        )
        write_split(split, path)
    counts = {part: len(split.rows(part)) for part in Part}
    if not counts[Part.TUNING]:
        raise TrainingError("[split] tuning leaves no radiographs to calibrate on; give it a share, such as 0.15")
    say(f"split {split.digest[:12]}: " + ", ".join(f"{count} {part.value}" for part, count in counts.items()))
    if split.cut.warning is not None:
        say(f"warning: {split.cut.warning}")
    for trouble in foretold(material.dataset, split, recipe):
        say(f"warning: {trouble}")
    return split


def _train_shipped(
    run: Run, recipe: Recipe, material: TrainingMaterial, split: Split, listeners: Listeners
) -> Networks:
    """Train the networks that are shipped: on the training part, for as long as the recipe gives them."""
    classifier = recipe.classifier
    schedule = classifier.schedule.model_copy(update={"epochs": classifier.final_epochs or classifier.schedule.epochs})
    longer = recipe.model_copy(update={"classifier": classifier.model_copy(update={"schedule": schedule})})
    rows = split.rows(Part.TRAINING)
    lesson = Lesson.of_labels(
        material,
        rows,
        watched=split.rows(Part.TUNING),
        teachers=teachers(split, rows, recipe, folder=run.folder),
    )
    return train_networks(material, lesson, longer, folder=run.folder / "final", listeners=listeners)


def _settled(
    run: Run, material: TrainingMaterial, split: Split, judged: Judged, networks: Networks, looker: Looker
) -> Findings:
    recipe = read_recipe(run.recipe_path)
    training = split.rows(Part.TRAINING)
    learnt, seen = looker.at(training), looker.at(split.rows(Part.TUNING))
    strange = strange_logits(networks.finder, material.dataset.pixels[training], recipe.seed)
    history = read_history(run.history_path)
    findings, calibration = weigh(recipe, material.dataset, split, judged, seen, history)
    settled = settle(learnt, seen, strange, recipe.novelty, scale=calibration.scale, bias=calibration.bias)
    findings = findings.with_novelty(seen.novelty(settled))
    torch.save(
        {
            "finder": networks.finder.state_dict(),
            "classifier": networks.classifier.state_dict(),
            "settlement": vars(settled),
        },
        run.networks_path,
    )
    write_predictions(run.folder / PREDICTIONS, judged.outcomes(material.dataset, calibration))
    write_charts(run.folder / "figures", draw_history(history))
    run.findings_path.write_text(findings.model_dump_json(indent=2))
    return findings


def export_run(run: Run, out: Path, *, commit: str | None, say: Say) -> Path:
    """Write the package of a finished run into `out`, if the gate of its recipe holds.

    Raises
    ------
    TrainingError
        If the run is not finished or the gate fails; the message says which number.
    """
    if not run.networks_path.exists() or not run.findings_path.exists():
        raise TrainingError(f"{run.folder} is no finished run; finish it with `lingula train`")
    recipe = read_recipe(run.recipe_path)
    findings = Findings.model_validate_json(run.findings_path.read_text())
    findings.chosen_points()  # where there are none, the reason why is known before the graph is made
    reader = _reader(run, recipe)
    graph = export_graph(reader)
    material = gather(recipe.data, run.data, seed=recipe.seed, cache=run.folder.parent / "cache")
    chosen = np.unique(np.linspace(0, len(material.dataset) - 1, _PARITY_PICTURES).astype(np.intp))
    parity = measure_parity(reader, graph, material.dataset.pixels[chosen])
    say(f"parity over {len(chosen)} radiographs: greatest difference {parity:.1e}")
    split = read_split(run.split_path, material.dataset)
    rounding = None
    if recipe.export.graph == "int8":
        graph, rounding = _rounded(graph, material, split, findings)
        say(f"in eight bits {rounding.bands_equal:.2%} of {rounding.radiographs} bands stay the same")
    origin = Origin(
        recipe_text=run.recipe_path.read_text(),
        split_digest=split.digest,
        commit=commit,
        parity=parity,
        rounding=rounding,
        graph=describe_graph(DEFAULT_PREPROCESSING, reader.classifier.embedding_width),
        begun_from=_forebear(recipe.classifier.network.package, run.data),
        finder_of=_forebear(recipe.finder.package, run.data),
    )
    manifest = assemble_manifest(recipe, findings, origin)
    check_gate(manifest)
    out.mkdir(parents=True, exist_ok=True)
    return write_package(out, manifest, graph, write_card(manifest, findings, recipe, finder_of=origin.finder_of))


def _rounded(graph: bytes, material: TrainingMaterial, split: Split, findings: Findings) -> tuple[bytes, Rounding]:
    pixels, tuning = material.dataset.pixels, split.rows(Part.TUNING)
    labels = material.dataset.labels[tuning]
    return round_graph(graph, pixels[split.rows(Part.TRAINING)], pixels[tuning], labels, findings.chosen_points())


def _forebear(name: str | None, data: Path) -> Forebear | None:
    """Name a package that a recipe takes something from, as it is on the disk."""
    return None if name is None else open_package(name, data).as_forebear


def _reader(run: Run, recipe: Recipe) -> Reader:
    saved = torch.load(run.networks_path, weights_only=True)
    finder = LungFinder(recipe.finder.widths)
    finder.load_state_dict(saved["finder"])
    classifier = bare_classifier(recipe.classifier.network)
    classifier.load_state_dict(saved["classifier"])
    return Reader(finder, classifier, Settlement(**saved["settlement"])).eval()
