"""Objects in buckets: found by looking, told of by events, foreign, gone, odd, too large; a server that is away."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made.bucket_stand import Stand, made_stand
from made.hospital import made_dicom
from made.triage import NORTH, SOUTH, made_jpeg
from servers.process import free_port
from servers.s3 import S3Server, moto

from lingula.doors.bucket.notifications import ObjectPut
from lingula.doors.bucket.taken import Taken
from lingula.errors import BackendUnavailable
from lingula.records.accounts import BindingKind
from lingula.stores.store import open_store

ODD = ("a b+c.dcm", "ü#%2F?.dcm", "x//y.dcm", "-rf", "a&b=c;d.dcm", "'; drop table--")


@pytest.fixture
def bucket(bucket_stand: Stand, moto_server: S3Server) -> str:
    name = moto_server.new_bucket()
    bucket_stand.bind(BindingKind.BUCKET, f"s3://{name}/north")
    return name


def put(server: S3Server, bucket: str, key: str, data: bytes | None = None) -> ObjectPut:
    server.client.put_object(Bucket=bucket, Key=key, Body=made_dicom() if data is None else data)
    return ObjectPut(bucket=bucket, key=key)


def test_a_bucket_that_sends_no_events_is_looked_into(bucket_stand: Stand, bucket: str, moto_server: S3Server) -> None:
    put(moto_server, bucket, "north/2026/a.dcm", made_dicom(number=1))
    put(moto_server, bucket, "north-east/b.dcm", made_dicom(number=2))
    put(moto_server, bucket, "north/", b"")
    bucket_stand.look_into_buckets()
    assert bucket_stand.counts() == {("north", "received"): 1.0}
    put(moto_server, bucket, "north/c.dcm", made_dicom(number=3))
    bucket_stand.look_into_buckets()
    bucket_stand.look_into_buckets()
    assert bucket_stand.counts() == {("north", "received"): 2.0}


def test_what_was_taken_is_remembered_over_a_restart(
    bucket_stand: Stand, bucket: str, moto_server: S3Server, package: Path, tmp_path: Path
) -> None:
    put(moto_server, bucket, "north/a.dcm")
    put(moto_server, bucket, "north/letter.txt", b"no radiograph")
    bucket_stand.look_into_buckets()
    assert bucket_stand.counts() == {("north", "received"): 1.0, ("north", "refused"): 1.0}
    bucket_stand.door.close()
    another = made_stand(package, tmp_path / "another", bucket_endpoint=moto_server.endpoint)
    another.bind(BindingKind.BUCKET, f"s3://{bucket}/north")
    object.__setattr__(another.system, "store", bucket_stand.system.store)  # what both processes share
    object.__setattr__(another.system, "records", bucket_stand.system.records)
    another.look_into_buckets()
    assert another.counts() == {}
    put(moto_server, bucket, "north/a.dcm", made_dicom(number=2))  # another radiograph under the same key
    another.look_into_buckets()
    assert another.counts() == {("north", "received"): 1.0}
    another.door.close()


def test_odd_keys_are_fetched_exactly(bucket_stand: Stand, bucket: str, moto_server: S3Server) -> None:
    puts = [put(moto_server, bucket, f"north/{key}", made_dicom(number=n)) for n, key in enumerate(ODD, 1)]
    assert set(bucket_stand.door.arrivals.told(puts)) == {"received"}
    bucket_stand.look_into_buckets()
    assert bucket_stand.counts() == {("north", "received"): float(len(ODD))}


def test_an_event_for_a_foreign_or_missing_key_is_counted_and_nothing_else(
    bucket_stand: Stand, bucket: str, moto_server: S3Server
) -> None:
    put(moto_server, bucket, "south/secret.dcm")
    told = bucket_stand.door.arrivals.told
    assert told([ObjectPut(bucket=bucket, key="south/secret.dcm")]) == ["foreign"]
    assert told([ObjectPut(bucket=bucket, key="north/../south/secret.dcm")]) == ["missing"]
    assert told([ObjectPut(bucket="elsewhere", key="north/a.dcm")]) == ["foreign"]
    assert told([ObjectPut(bucket=bucket, key="north/gone.dcm", version="v1")]) == ["missing"]
    assert bucket_stand.arrived() == 0


def test_the_longest_prefix_decides_whose_radiograph_it_is(
    bucket_stand: Stand, bucket: str, moto_server: S3Server
) -> None:
    bucket_stand.bind(BindingKind.BUCKET, f"s3://{bucket}/north/south", SOUTH)
    put(moto_server, bucket, "north/a.dcm", made_dicom(number=1))
    put(moto_server, bucket, "north/south/b.dcm", made_dicom(number=2))
    bucket_stand.look_into_buckets()
    assert bucket_stand.counts() == {(NORTH, "received"): 1.0, (SOUTH, "received"): 1.0}


def test_a_teller_speaks_only_of_its_own_site(bucket_stand: Stand, bucket: str, moto_server: S3Server) -> None:
    told = put(moto_server, bucket, "north/a.dcm")
    assert bucket_stand.door.arrivals.told([told], [SOUTH]) == ["foreign"]
    assert bucket_stand.door.arrivals.told([told], [NORTH]) == ["received"]


def test_an_object_larger_than_allowed_is_refused_unread(
    moto_server: S3Server, s3_credentials: None, package: Path, tmp_path: Path
) -> None:
    del s3_credentials  # only has to be there
    stand = made_stand(package, tmp_path, bucket_endpoint=moto_server.endpoint, upload_limit_bytes=2048)
    bucket = moto_server.new_bucket()
    stand.bind(BindingKind.BUCKET, f"s3://{bucket}")
    put(moto_server, bucket, "a.dcm", made_jpeg())
    stand.look_into_buckets()
    stand.look_into_buckets()
    assert stand.counts() == {("north", "refused"): 1.0}
    stand.door.close()
    stand.system.stop()


def test_one_record_that_cannot_be_taken_lets_the_whole_event_come_again(
    bucket_stand: Stand, bucket: str, moto_server: S3Server
) -> None:
    bucket_stand.bind(BindingKind.BUCKET, "s3://no-such-bucket", SOUTH)
    good = put(moto_server, bucket, "north/a.dcm")
    with pytest.raises(BackendUnavailable, match="no-such-bucket"):
        bucket_stand.door.arrivals.told([*[ObjectPut(bucket="no-such-bucket", key="x")] * 900, good])  # asked once
    assert bucket_stand.counts() == {("north", "received"): 1.0}


def test_a_server_that_is_away_is_looked_for_again(s3_credentials: None, package: Path, tmp_path: Path) -> None:
    del s3_credentials  # only has to be there
    port = free_port()
    stand = made_stand(package, tmp_path / "home", bucket_endpoint=f"http://127.0.0.1:{port}")
    stand.bind(BindingKind.BUCKET, "s3://xrays")
    stand.look_into_buckets()
    assert stand.counts() == {}
    with moto(tmp_path, port) as server:
        server.client.create_bucket(Bucket="xrays")
        put(server, "xrays", "a.dcm")
        stand.look_into_buckets()
    assert stand.counts() == {("north", "received"): 1.0}
    stand.door.close()
    stand.system.stop()


def test_a_bucket_with_events_is_looked_into_seldom(bucket_stand: Stand, bucket: str, moto_server: S3Server) -> None:
    bucket_stand.look_into_buckets()
    bucket_stand.door.arrivals.told([put(moto_server, bucket, "north/a.dcm", made_dicom(number=1))])
    bucket_stand.look_into_buckets(after_seconds=601.0)
    put(moto_server, bucket, "north/b.dcm", made_dicom(number=2))
    bucket_stand.look_into_buckets(after_seconds=300.0)
    assert bucket_stand.counts() == {("north", "received"): 1.0}
    bucket_stand.look_into_buckets(after_seconds=301.0)
    assert bucket_stand.counts() == {("north", "received"): 2.0}


def test_a_hundred_thousand_marks_are_quick_and_merge_into_one_piece() -> None:
    store = open_store("memory://")
    taken = Taken(store, "s3://xrays", b"k" * 32, timer=lambda: 0.0)
    marks = [taken.mark(f"s3://xrays/{number}", "etag") for number in range(100_000)]
    for mark in marks:
        taken.add(mark)
    taken.flush()
    taken.tidy(set(marks[:1000]))
    assert len(list(store.keys("taken/"))) == 1
    another = Taken(store, "s3://xrays", b"k" * 32)
    another.refresh()
    assert another.has(marks[0])
    assert another.has(marks[999])
    assert not another.has(marks[1000])


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), unique=True, max_size=20))
@settings(max_examples=50, deadline=None)
def test_different_words_have_different_marks(words: list[tuple[str, str]]) -> None:
    taken = Taken(open_store("memory://"), "place", b"k" * 32)
    encodable = [pair for pair in words if all(part.isprintable() for part in pair)]
    assert len({taken.mark(*pair) for pair in encodable}) == len(encodable)


def test_an_open_door_looks_by_itself_and_closes(stand: Stand, tmp_path: Path) -> None:
    folder = tmp_path / "incoming"
    folder.mkdir()
    stand.bind(BindingKind.FOLDER, str(folder))
    stand.door.open()
    stand.door.check()
    stand.door.close()
    stand.door.close()
    with pytest.raises(BackendUnavailable, match="has ended"):
        stand.door.check()
