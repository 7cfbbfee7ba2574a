import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made.labels import SIDE, write_class_folders, write_picture
from made.packages import made_package
from made.readers import MadeReader
from PIL import Image

from lingula.doors.cli.reading import reading_rules
from lingula.errors import TrainingError
from lingula.modelpackage.archive import ModelPackage, read_package
from lingula.modelpackage.manifest import IntendedUse
from lingula.modelpackage.preprocessing import prepare
from lingula.modelpackage.session import open_session
from lingula.radiology.reading import read_radiograph
from lingula.radiology.study import Instance
from lingula.training.evaluation.evaluate import UNPROBED, EvaluationOptions, evaluate_package
from lingula.training.probes import ProbeOptions
from lingula.training.sources import read_source
from lingula.triage.heatmap import draw_heatmap

NOT_PROBED = EvaluationOptions(probes=ProbeOptions(radiographs=0))


@pytest.fixture
def package(tmp_path: Path) -> ModelPackage:
    """The made package: bright means pneumonia."""
    return read_package(made_package(tmp_path / "package"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixteen pictures of eight patients of each label, named like those of Kermany et al."""
    return write_class_folders(
        tmp_path / "set",
        normal=[f"IM-{number // 2:04}-{number % 2:04}.png" for number in range(16)],
        pneumonia=[f"person{number // 2}_virus_{number}.png" for number in range(16)],
    )


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "predictions.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_radiograph_gets_what_triages_session_says(package: ModelPackage, folder: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    evaluate_package(
        package,
        read_source(folder),
        out=tmp_path / "out",
        options=NOT_PROBED,
        progress=lambda done, total: told.append((done, total)),
    )

    session = open_session(package.graph, threads=1)
    for row in rows(tmp_path / "out"):
        radiograph = read_radiograph((folder / row["path"]).read_bytes())
        said = session.run(prepare(radiograph, package.manifest.preprocessing))
        assert float(row["probability"]) == pytest.approx(float(said["probability"][0, 0]), abs=1e-6)
        assert float(row["novelty"]) == pytest.approx(float(said["novelty"][0, 0]), abs=1e-6)
        assert row["band"] == package.manifest.operating_points.band(float(row["probability"])).value
        assert row["label"] == ("1" if row["path"].startswith("PNEUMONIA") else "0")
    assert len(rows(tmp_path / "out")) == 32
    assert told[-1] == (32, 32)


def test_the_result_counts_measures_and_is_written_as_json(package: ModelPackage, folder: Path, tmp_path: Path) -> None:
    result = evaluate_package(package, read_source(folder), out=tmp_path / "out", options=NOT_PROBED)

    assert result.radiographs == 32
    assert result.by_status == {"assessed": 32, "not eligible": 0, "failed": 0}
    assert result.everyone is not None
    assert result.everyone.auroc is not None
    assert result.everyone.auroc.value == 1
    assert result.everyone.patients == 16
    assert result.intervals_by == "patient"
    assert sum(result.bands["pneumonia"].values()) == 16
    assert [entry.finding for entry in result.by_finding] == ["normal", "virus"]
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written["everyone"]["auroc"]["value"] == 1
    assert written["package_sha256"] == package.sha256
    assert any("AUROC 1.0000" in line for line in result.lines())


def test_what_is_not_eligible_or_unreadable_is_listed_and_not_hidden(
    package: ModelPackage, folder: Path, tmp_path: Path
) -> None:
    (folder / "NORMAL" / "notes.txt").write_text("not a picture")
    flat = np.full((SIDE, SIDE), 200, dtype=np.uint8)
    flat[0] = 199
    Image.fromarray(flat).save(folder / "NORMAL" / "flat.png")  # novel: grey levels hardly differ

    result = evaluate_package(package, read_source(folder), out=tmp_path / "out", options=NOT_PROBED)

    assert result.by_status == {"assessed": 32, "not eligible": 1, "failed": 1}
    found = {row["path"]: row for row in rows(tmp_path / "out")}
    assert found["NORMAL/flat.png"]["status"] == "not eligible"
    assert found["NORMAL/flat.png"]["band"] == ""
    assert float(found["NORMAL/flat.png"]["probability"]) > 0.9
    assert found["NORMAL/notes.txt"]["status"] == "failed"
    assert found["NORMAL/notes.txt"]["probability"] == ""
    assert result.everyone is not None
    assert result.assessed_only is not None
    assert (result.everyone.radiographs, result.assessed_only.radiographs) == (33, 32)
    assert {entry.name for entry in result.refusals} == {"NORMAL/flat.png", "NORMAL/notes.txt"}
    assert result.bands["normal"]["no band"] == 2
    assert any("1 radiographs have no label or no readable pixels" in note for note in result.notes)


def test_a_check_of_what_files_say_refuses_with_its_reason(package: ModelPackage, folder: Path, tmp_path: Path) -> None:
    def too_old(instance: Instance, use: IntendedUse) -> str | None:
        return "too old" if (instance.age_years or 0) > use.age_years_max else None

    source = read_source(folder)
    source = replace(source, rows=(replace(source.rows[0], age_years=70.0), *source.rows[1:]))
    result = evaluate_package(package, source, out=tmp_path / "out", options=replace(NOT_PROBED, eligibility=too_old))

    assert [(entry.name, entry.reason) for entry in result.refusals] == [(source.name_of(source.rows[0]), "too old")]
    assert result.refusals[0].probability is not None


def test_the_page_is_one_file_without_radiographs_unless_asked(
    package: ModelPackage, folder: Path, tmp_path: Path
) -> None:
    write_picture(folder / "NORMAL" / "IM-9999-<b>.png", 500, brightness=200)  # bright and normal: wrong

    evaluate_package(package, read_source(folder), out=tmp_path / "plain", options=NOT_PROBED)
    shown_with_maps = replace(NOT_PROBED, paint=draw_heatmap)
    evaluate_package(package, read_source(folder), out=tmp_path / "shown", options=shown_with_maps)

    plain, shown = ((tmp_path / name / "evaluation.html").read_text() for name in ("plain", "shown"))
    assert plain.count("<svg") == 10  # six of ranking, risk and coverage, three decision curves
    assert "<img" not in plain
    assert "http" not in plain
    assert "never replaces" in plain
    assert "IM-9999-&lt;b&gt;.png" in plain
    assert shown.count('src="data:image/png;base64,') == 1 + 6  # the wrong one, three of each label that are right
    assert "keep this page as you keep them" in shown
    assert {path.stem for path in (tmp_path / "plain" / "figures").iterdir() if path.suffix == ".png"} == {
        "roc",
        "precision-recall",
        "reliability",
        "reliability-balanced",
        "probabilities",
        "risk-coverage",
        "decision-5",
        "roc-corner",
        "decision-15",
        "decision-30",
    }


def test_probes_and_a_reading_room_are_in_the_page_if_they_are_asked_for(folder: Path, tmp_path: Path) -> None:
    options = EvaluationOptions(probes=ProbeOptions(radiographs=8), rules=reading_rules())
    package = MadeReader().package(tmp_path / "reader")

    result = evaluate_package(package, read_source(folder), out=tmp_path / "out", options=options)

    assert result.probes is not None
    assert result.probes.radiographs == 8
    assert result.reading_room is not None
    page = (tmp_path / "out" / "evaluation.html").read_text()
    for title in ("Stress", "Lungs taken away", "Heat maps", "Waiting for a doctor", "Staying silent", "Decisions"):
        assert f"<h2>{title}</h2>" in page
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"stress.png", "randomisation.svg", "reading-room.png"} <= figures
    written = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert written["probes"]["stress"]["lungs_blanked"]["auroc"]["value"] == 0.5
    assert any("lungs blanked: 0.5000" in line for line in result.lines())


def test_the_packages_own_split_tells_what_it_has_seen(package: ModelPackage, folder: Path, tmp_path: Path) -> None:
    source = read_source(folder)
    keys = [hashlib.sha256(row.path.read_bytes()).hexdigest() for row in source.rows]
    rows = [[key, part, -1] for key, part in zip(keys, ["training"] * 5 + ["tuning"] * 2 + ["test"], strict=False)]
    stored = {"format": 2, "digest": "abc", "dataset_digest": "", "seed": 0, "fold_count": 0, "rows": rows}
    (tmp_path / "split.json").write_text(json.dumps(stored))
    provenance = package.manifest.provenance.model_copy(update={"split_digest": "abc"})
    its_own = replace(package, manifest=package.manifest.model_copy(update={"provenance": provenance}))
    options = replace(NOT_PROBED, split=tmp_path / "split.json")

    result = evaluate_package(its_own, source, out=tmp_path / "out", options=options)

    assert result.seen == {"training": 5, "tuning": 2, "test": 1}
    page = (tmp_path / "out" / "evaluation.html").read_text()
    assert "5 in its training set and 2 in its tuning set: its numbers here flatter" in page
    assert any("5 in its training set and 2 in its tuning set" in line for line in result.lines())
    with pytest.raises(TrainingError, match="from the package's own run"):
        evaluate_package(package, source, out=tmp_path / "other", options=options)


def test_unknown_patients_make_intervals_by_radiograph_and_say_so(package: ModelPackage, tmp_path: Path) -> None:
    folder = write_class_folders(tmp_path / "set", normal=["a.png", "b.png"], pneumonia=["c.png", "d.png"])

    result = evaluate_package(package, read_source(folder), out=tmp_path / "out", options=NOT_PROBED)

    assert result.intervals_by == "radiograph"
    assert any("4 radiographs name no patient" in note for note in result.notes)
    assert "resampled by radiograph" in (tmp_path / "out" / "evaluation.html").read_text()


def test_one_label_alone_is_counted_but_not_ranked(package: ModelPackage, tmp_path: Path) -> None:
    write_picture(tmp_path / "a.png", 1, brightness=180)
    write_picture(tmp_path / "b.png", 2, brightness=180)
    (tmp_path / "rows.csv").write_text("image_path,label\na.png,0\nb.png,\n")

    result = evaluate_package(package, read_source(tmp_path / "rows.csv"), out=tmp_path / "out", options=NOT_PROBED)

    assert result.everyone is None
    assert result.by_finding[0].auroc is None
    assert set(result.bands) == {"normal", "unknown"}
    assert any("one label only" in line for line in result.lines())
    assert "<svg" not in (tmp_path / "out" / "evaluation.html").read_text()


def test_a_folder_that_cannot_be_written_is_said_before_anything_is_measured(
    package: ModelPackage, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file", "utf-8")
    told: list[int] = []

    with pytest.raises(TrainingError, match=r"taken.* cannot be written to: .*; name another folder"):
        evaluate_package(
            package,
            read_source(folder),
            out=tmp_path / "taken" / "out",
            options=NOT_PROBED,
            progress=lambda done, _: told.append(done),
        )

    assert told == []


def test_a_report_that_cannot_be_finished_leaves_the_one_before_as_it_was(
    package: ModelPackage, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    evaluate_package(package, read_source(folder), out=out, options=NOT_PROBED)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    write_picture(folder / "NORMAL" / "IM-9999-0001.png", 500)
    (tmp_path / "masks").mkdir()

    with pytest.raises(TrainingError, match="has a mask for none"):
        evaluate_package(
            package,
            read_source(folder),
            out=out,
            options=EvaluationOptions(probes=ProbeOptions(masks=tmp_path / "masks")),
        )

    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_radiograph_that_is_listed_twice_is_refused_by_name(
    package: ModelPackage, folder: Path, tmp_path: Path
) -> None:
    lines = [f"{path.relative_to(folder)},{int(path.parent.name == 'PNEUMONIA')}" for path in folder.rglob("*.png")]
    (folder / "d.csv").write_text("\n".join(["image_path,label", *lines, lines[0]]), "utf-8")

    with pytest.raises(TrainingError, match=r"lists .*\.png' 2 times .* keep one line of each"):
        evaluate_package(package, read_source(folder / "d.csv"), out=tmp_path / "out", options=NOT_PROBED)


def test_figures_of_an_earlier_report_do_not_stay_beside_another(
    package: ModelPackage, folder: Path, tmp_path: Path
) -> None:
    figures = tmp_path / "out" / "figures"
    figures.mkdir(parents=True)
    for name in ("stress.png", "stress.svg", "roc.png", "mine.txt"):
        (figures / name).write_text("old", "utf-8")

    evaluate_package(package, read_source(folder), out=tmp_path / "out", options=NOT_PROBED)

    names = {path.name for path in figures.iterdir()}
    assert {"roc.png", "roc.svg", "reliability-balanced.png", "mine.txt"} < names
    assert not {"stress.png", "stress.svg"} & names
    assert (figures / "roc.png").read_bytes()[:4] == b"\x89PNG"


def test_too_few_radiographs_to_probe_are_said(package: ModelPackage, folder: Path, tmp_path: Path) -> None:
    options = EvaluationOptions(probes=ProbeOptions(radiographs=1))

    result = evaluate_package(package, read_source(folder), out=tmp_path / "out", options=options)

    assert result.probes is None
    assert UNPROBED in result.notes
    assert UNPROBED in (tmp_path / "out" / "evaluation.html").read_text("utf-8")


def test_a_source_without_any_readable_radiograph_is_refused(package: ModelPackage, tmp_path: Path) -> None:
    (tmp_path / "set" / "NORMAL").mkdir(parents=True)
    (tmp_path / "set" / "NORMAL" / "a.png").write_bytes(b"")

    with pytest.raises(TrainingError, match="none of 1 radiographs of set could be read"):
        evaluate_package(package, read_source(tmp_path / "set"), out=tmp_path / "out", options=NOT_PROBED)
