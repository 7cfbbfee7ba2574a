"""One radiograph comes by C-STORE, HTTP, STOW and a folder, written otherwise each time: it is kept once, as it was.

DCMTK writes it in every transfer syntax it knows, as modalities and archives do.
"""

import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from made.bucket_stand import Stand
from made.dicom_files import as_bytes, made_dataset, set_elements
from made.encodings import twelve
from made.hospital import Hospital, made_hospital, made_system
from made.packages import made_package
from made.triage import made_chest
from servers.process import program

from lingula.doors.bucket import BucketDoor
from lingula.doors.dicom import DicomDoor
from lingula.doors.sending.patience import Patience
from lingula.doors.sending.sender import Outcome, open_sender
from lingula.radiology.reading import read_radiograph
from lingula.records.accounts import BindingKind
from lingula.records.records import StoredInstance, WorklistQuery

SECONDS = 60
LOSSLESS = {
    "implicit": ("dcmconv", "+ti"),
    "big endian": ("dcmconv", "+tb"),
    "deflated": ("dcmconv", "+td"),
    "without meta information": ("dcmconv", "+ti", "-F"),
    "JPEG lossless": ("dcmcjpeg", "+e1"),
    "JPEG lossless 14": ("dcmcjpeg", "+el"),
    "JPEG-LS": ("dcmcjpls", "+el"),
    "RLE": ("dcmcrle",),
}
LOSSY = {
    "JPEG baseline": ("dcmcjpeg", "+eb", "+q", "60", "--uid-never"),
    "JPEG extended": ("dcmcjpeg", "+ee", "+q", "60", "--uid-never"),
    "JPEG-LS near-lossless": ("dcmcjpls", "+en", "+md", "4", "--uid-never"),
}


@dataclass
class Doors:
    """One system with all its doors open; each way gives whether the sender was told that all is well."""

    hospital: Hospital
    dicom: DicomDoor
    stand: Stand
    folder: Path

    def by_http(self, file: Path) -> bool:
        return self.hospital.machine().post("/api/v1/instances", content=file.read_bytes()).status_code in {200, 201}

    def by_stow(self, file: Path) -> bool:
        said = {"content-type": "application/dicom"}
        answer = self.hospital.machine().post("/dicomweb/studies", content=file.read_bytes(), headers=said)
        return answer.status_code == 200

    def by_c_store(self, file: Path) -> bool:
        data = file.read_bytes()
        if data[128:132] != b"DICM":
            titles = ("-aec", "LINGULA", "-aet", "NORTH")
            return run("storescu", *titles, "127.0.0.1", str(self.dicom.port), str(file), must_work=False) == 0
        url = f"dicom://LINGULA@127.0.0.1:{self.dicom.port}?calling=NORTH"
        with closing(open_sender(url, patience=Patience(wait=lambda _: None, attempts=1))) as sender:
            return sender.send(data).outcome is Outcome.RECEIVED

    def by_folder(self, file: Path) -> bool:
        (self.folder / "sent.dcm").write_bytes(file.read_bytes())
        for _ in range(2):
            self.stand.look_into_folders()
        return not (self.folder / "refused").exists() and (self.folder / "done").is_dir()

    def kept(self) -> StoredInstance:
        """Give the only instance there is."""
        records = self.hospital.system.records
        (row,) = records.worklist(WorklistQuery(now=self.hospital.clock(), caps={})).rows
        (one,) = records.study(row.study).instances
        return one

    def bytes_kept(self) -> bytes:
        (key,) = self.hospital.system.store.keys("originals/")
        assert key == self.kept().new.store_key
        return self.hospital.system.store.get(key)


WAYS: dict[str, Callable[[Doors, Path], bool]] = {
    "C-STORE": Doors.by_c_store,
    "HTTP": Doors.by_http,
    "STOW": Doors.by_stow,
    "folder": Doors.by_folder,
}


def run(name: str, *words: str, must_work: bool = True) -> int:
    command = [program(name, package="dcmtk"), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert not must_work or done.returncode == 0, done.stderr
    return done.returncode


def written(plain: Path, by: tuple[str, ...]) -> Path:
    """Let DCMTK write a file another way."""
    made = plain.with_name("written.dcm")
    run(by[0], *by[1:], str(plain), str(made))
    return made


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_package(tmp_path_factory.mktemp("package"))


@pytest.fixture
def doors(package: Path, tmp_path: Path) -> Iterator[Doors]:
    system, clock = made_system(package, tmp_path / "home", dicom_port=0)
    now = [0.0]
    stand = Stand(system, BucketDoor(system, timer=lambda: now[0]), now)
    folder = tmp_path / "arrivals"
    folder.mkdir()
    stand.bind(BindingKind.FOLDER, str(folder))
    dicom = DicomDoor(system)
    dicom.open()
    with made_hospital(system, clock) as hospital:
        yield Doors(hospital, dicom, stand, folder)
        stand.door.close()
        dicom.close()


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A chest of twelve bits as its modality writes it."""
    file = tmp_path / "plain.dcm"
    file.write_bytes(as_bytes(twelve()))
    return file


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("by", [*LOSSLESS, *LOSSY])
def test_what_came_by_c_store_is_known_by_every_way_and_in_every_encoding(
    doors: Doors, plain: Path, by: str, way: str
) -> None:
    assert doors.by_c_store(plain)
    first = doors.bytes_kept()

    assert WAYS[way](doors, written(plain, {**LOSSLESS, **LOSSY}[by]))

    assert doors.bytes_kept() == first
    doors.hospital.system.hub.flush()
    (again,) = (one for one in timeline(doors) if one["action"] == "instance_received_again")
    assert again["likeness"] == ("lossy copy" if by in LOSSY else "same pixels")


def timeline(doors: Doors) -> list[dict[str, object]]:
    entries = doors.hospital.system.records.timeline(0, None, 100)
    return [{"action": entry.action, **entry.detail} for entry in entries]


@pytest.mark.parametrize("way", WAYS)
def test_another_chest_under_the_same_uid_is_refused_by_every_way(doors: Doors, plain: Path, way: str) -> None:
    assert doors.by_c_store(plain)
    first = doors.bytes_kept()
    other = twelve()
    other.PixelData = other.PixelData[::-1]
    plain.write_bytes(as_bytes(other))

    assert not WAYS[way](doors, written(plain, LOSSLESS["JPEG lossless"]))

    assert doors.bytes_kept() == first


def test_the_page_of_the_study_tells_that_it_came_again(doors: Doors, plain: Path) -> None:
    doors.by_c_store(plain)
    plain.write_bytes(as_bytes(twelve(InstitutionName="St. Anne", ViewPosition="AP")))
    doors.by_http(written(plain, LOSSLESS["RLE"]))
    doors.hospital.system.hub.flush()

    page = doors.hospital.person().get(f"/studies/{doors.kept().new.study}").text

    assert "Radiograph received again: by http, same pixels; other view position; the first stays" in page


def test_all_ways_at_the_same_moment_make_one_radiograph(doors: Doors, plain: Path, tmp_path: Path) -> None:
    files = []
    for number, by in enumerate(LOSSLESS.values()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "plain.dcm").write_bytes(plain.read_bytes())
        files.append(written(folder / "plain.dcm", by))
    ways = [list(WAYS.values())[number % 3] for number in range(len(files))]

    with ThreadPoolExecutor(len(files)) as pool:
        answers = list(pool.map(lambda way, file: way(doors, file), ways, files))

    assert sum(answers) >= len(files) - 2, "at most those were told to come again for whom there was no room to wait"
    assert doors.bytes_kept() in [file.read_bytes() for file in files] or doors.kept().new.door == "dicom"


def test_a_real_radiograph_and_its_uncompressed_copy_are_one_and_turned_round_it_is_another(
    doors: Doors, real_data: Path, tmp_path: Path
) -> None:
    first, second = (real_data / "dicom" / f"chest_pa_monochrome{kind}.dcm" for kind in (1, 2))
    copy = tmp_path / "copy.dcm"
    run("dcmdjpeg", str(first), str(copy))

    assert doors.by_c_store(first)
    assert doors.by_http(copy)
    assert not doors.by_stow(second), "equal values that are said to be bright where the first says dark"

    assert doors.kept().new.description.photometric_interpretation == "MONOCHROME1"


def test_two_real_radiographs_under_one_uid_are_a_conflict(doors: Doors, real_data: Path, tmp_path: Path) -> None:
    files = sorted((real_data / "chest_xray" / "train" / "NORMAL").glob("*"))[:2]
    one, other = (read_radiograph(file.read_bytes()).pixels for file in files)
    rows, columns = min(one.shape[0], other.shape[0]), min(one.shape[1], other.shape[1])
    for name, pixels in (("one", one), ("other", other)):
        (tmp_path / f"{name}.dcm").write_bytes(as_bytes(made_dataset(pixels[:rows, :columns].copy())))

    assert doors.by_http(tmp_path / "one.dcm")
    assert not doors.by_http(written(tmp_path / "other.dcm", LOSSY["JPEG baseline"]))
    assert not doors.by_c_store(tmp_path / "other.dcm")


def test_another_patient_s_is_a_conflict_that_names_nobody(doors: Doors, tmp_path: Path) -> None:
    file = tmp_path / "one.dcm"
    dataset = made_dataset(made_chest())
    file.write_bytes(as_bytes(dataset))
    doors.by_c_store(file)
    file.write_bytes(as_bytes(set_elements(dataset, {"PatientID": "PID-4712", "PatientName": "Roe^Richard"})))

    answer = doors.hospital.machine().post("/api/v1/instances", content=file.read_bytes())

    assert answer.status_code == 409
    assert "another patient under this UID" in answer.json()["detail"]
    assert not any(secret in answer.text for secret in ("PID-", "Roe", "Doe", "1.2.826"))
