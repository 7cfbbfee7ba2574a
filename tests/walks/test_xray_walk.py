"""An X-ray's way on one machine, from real bytes to a doctor's verdict, in the embedded default places."""

import sqlite3
from pathlib import Path
from threading import Event, Thread

import pytest
from made.packages import made_package
from made.triage import MovableClock, made_doctor

from lingula.modelpackage.archive import read_package
from lingula.queues.queue import open_queue
from lingula.radiology.identifiers import InstanceId, SiteName
from lingula.radiology.reading import read_radiograph
from lingula.radiology.study import Priority, Status
from lingula.records.records import Records, open_records
from lingula.records.reviews import Verdict
from lingula.stores.store import open_store
from lingula.triage.assess import Assessor
from lingula.triage.events import Event as Happened
from lingula.triage.events import InstanceAssessed, InstanceReceived, StudyReviewed
from lingula.triage.heatmap import draw_heatmap
from lingula.triage.infer import Model
from lingula.triage.receive import Receiver
from lingula.triage.review import Reviews
from lingula.triage.serving import Serving
from lingula.triage.upkeep import Upkeep
from lingula.triage.worker import Worker
from lingula.triage.worklist import Worklist, WorklistFilter

SITE = SiteName("north")
RADIOGRAPHS = 24


class House:
    """One start of the program over a folder that outlives it."""

    def __init__(self, home: Path, model: Model) -> None:
        self.events: list[Happened] = []
        clock = MovableClock()
        self.store, self.queue = open_store(f"file://{home}/store"), open_queue("memory://")
        self.records: Records = open_records(f"sqlite://{home}/records.sqlite").records
        notify = self.events.append
        self.receiver = Receiver(store=self.store, records=self.records, queue=self.queue, notify=notify, clock=clock)
        self.assessor = Assessor(
            store=self.store, records=self.records, queue=self.queue, serving=Serving(model), notify=notify, clock=clock
        )
        self.upkeep = Upkeep(
            records=self.records, queue=self.queue, store=self.store, receiver=self.receiver, clock=clock
        )
        self.worklist = Worklist(records=self.records, clock=clock)
        self.reviews = Reviews(records=self.records, notify=notify, clock=clock)

    def work(self, wanted: int) -> None:
        """Let two workers assess until so many have been assessed."""
        stop = Event()
        worker = Worker(queue=self.queue, assessor=self.assessor)
        threads = [Thread(target=worker.run, args=(stop,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        while sum(isinstance(event, InstanceAssessed) for event in list(self.events)) < wanted and not stop.wait(0.01):
            pass
        stop.set()
        for thread in threads:
            thread.join()

    def send(self, path: Path) -> InstanceId:
        return self.receiver.receive(path.read_bytes(), site=SITE, door="http").instance


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return Model(read_package(made_package(tmp_path_factory.mktemp("package"))))


@pytest.fixture(scope="module")
def real_files(real_data: Path) -> list[Path]:
    return sorted((real_data / "chest_xray" / "fullres").glob("*/*"))[:RADIOGRAPHS]


def test_real_radiographs_walk_from_bytes_to_a_verdict(tmp_path: Path, model: Model, real_files: list[Path]) -> None:
    house = House(tmp_path, model)
    sent = [house.send(path) for path in real_files]
    assert house.send(real_files[0]) == sent[0]

    house.work(wanted=RADIOGRAPHS)

    stored = [house.records.instance(instance) for instance in sent]
    assert {one.status for one in stored} == {Status.ASSESSED}
    assert [house.store.get(one.new.store_key) for one in stored] == [path.read_bytes() for path in real_files]
    assert sum(isinstance(event, InstanceReceived) for event in house.events) == RADIOGRAPHS
    page = house.worklist.page(WorklistFilter(page_size=100))
    assert page.total == RADIOGRAPHS
    ranks = [row.effective_priority.rank for row in page.rows]
    assert ranks == sorted(ranks)

    first = page.rows[0]
    assessment = house.records.instance(first.first_instance).assessment
    assert assessment is not None
    assert assessment.activation_map is not None
    assert assessment.lung_mask is not None
    radiograph = read_radiograph(house.store.get(house.records.instance(first.first_instance).new.store_key))
    assert draw_heatmap(radiograph, assessment.activation_map, assessment.lung_mask).startswith(b"\x89PNG")

    doctor = made_doctor()
    house.reviews.claim(first.study, doctor)
    house.reviews.review(first.study, doctor, Verdict.AGREE, finding="consolidation")
    assert house.worklist.page(WorklistFilter()).total == RADIOGRAPHS - 1
    assert isinstance(house.events[-1], StudyReviewed)
    house.records.close()


def test_what_was_received_before_a_stop_is_assessed_after_the_next_start(
    tmp_path: Path, model: Model, real_files: list[Path]
) -> None:
    before = House(tmp_path, model)
    sent = [before.send(path) for path in real_files[:6]]
    before.records.close()

    after = House(tmp_path, model)
    assert after.upkeep.rebuild_queue() == 6
    after.work(wanted=6)

    assert {after.records.instance(instance).status for instance in sent} == {Status.ASSESSED}
    assert after.records.summary(None).unreviewed == 6
    after.records.close()


def test_the_senders_stat_is_read_first_whatever_the_model_says(
    tmp_path: Path, model: Model, real_files: list[Path]
) -> None:
    house = House(tmp_path, model)
    for path in real_files[:5]:
        house.send(path)
    stat = house.receiver.receive(real_files[5].read_bytes(), site=SITE, door="http", priority=Priority.STAT)
    house.work(wanted=6)

    rows = house.worklist.page(WorklistFilter()).rows

    assert rows[0].study == stat.study
    assert house.worklist.why(rows[0]).startswith("The sender marked it stat")
    house.records.close()


def test_no_identity_lies_in_keys_or_events(tmp_path: Path, model: Model, real_data: Path) -> None:
    house = House(tmp_path, model)
    for path in sorted((real_data / "dicom").glob("*.dcm")):  # one UID, two renderings: one site would refuse the other
        house.receiver.receive(path.read_bytes(), site=SiteName(path.stem), door="http")
    while Worker(queue=house.queue, assessor=house.assessor).work_once():
        pass

    with sqlite3.connect(tmp_path / "records.sqlite") as database:
        told = database.execute("select patient_id, sop_instance_uid, study_instance_uid from instances").fetchall()
    identities = [value for row in told for value in row if value]
    assert identities
    seen = repr(house.events) + " ".join(house.store.keys(""))
    assert not [value for value in identities if str(value) in seen]
    house.records.close()
