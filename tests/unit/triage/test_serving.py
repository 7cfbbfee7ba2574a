"""A batch is assessed by one package from beginning to end, and judged by that package's own thresholds."""

from pathlib import Path

from made.triage import LIKELY, MadeTriage, made_jpeg, made_model, made_triage

from lingula.radiology.study import Band
from lingula.triage.infer import Model
from lingula.triage.serving import Serving


def test_what_is_under_way_ends_with_the_package_it_began_with(triage: MadeTriage, tmp_path: Path) -> None:
    """The promotion falls between the first and the second radiograph of a batch."""
    other = made_model(tmp_path, version="2.0.0", thresholds=(0.97, 0.99))
    first, second = triage.send(made_jpeg(LIKELY, seed=1)), triage.send(made_jpeg(LIKELY, seed=2))
    triage.store.on_get = lambda _key: triage.assessor.serving.take_up(other)
    triage.worker.work_once()
    third = triage.send(made_jpeg(LIKELY, seed=3))
    triage.worker.work_once()

    before, after = triage.statement(first), triage.statement(third)
    assert triage.statement(second).package_sha256 == before.package_sha256 != after.package_sha256
    assert (before.package_version, before.rule_out_threshold, before.band) == ("1.0.0", 0.3, Band.LIKELY)
    assert (after.package_version, after.rule_out_threshold, after.band) == ("2.0.0", 0.97, Band.UNLIKELY)


def test_who_asks_gets_one_model_whole(model: Model, tmp_path: Path) -> None:
    serving, other = Serving(model), made_model(tmp_path, version="2.0.0")
    serving.check()
    serving.take_up(other)
    assert serving.model is other
    assert made_triage(model).assessor.serving.model is model
