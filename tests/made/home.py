"""A small installation in SQLite and a folder, in which one of everything has happened."""

import hashlib
from dataclasses import replace
from pathlib import Path

from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.radiology.study import Status
from lingula.records.accounts import Access, Binding, BindingKind, Role, Site, User
from lingula.records.records import RecordsPlace, TimelineEntry, open_records
from lingula.records.reviews import Claim
from lingula.stores.store import ObjectStore, open_store
from made.arrivals import NOON, NORTH, SOUTH, after, made_arrival, made_refusal, made_result, made_review, made_shadow

ANN = User(name="ann", display_name="Ann", role=Role.DOCTOR, password_hash="$argon2id$a", sites=frozenset({NORTH}))
BOB = replace(ANN, name="bob", sites=frozenset({SOUTH}))
EVE = replace(ANN, name="eve", role=Role.ADMINISTRATOR, sites=None)


def original_of(name: str) -> bytes:
    return f"the bytes of {name}".encode() * 100


def arrive(place: RecordsPlace, store: ObjectStore, name: str, study: str, site: SiteName = NORTH) -> None:
    data = original_of(name)
    new = made_arrival(name, study, site=site, sha256=hashlib.sha256(data).hexdigest())
    store.put(new.store_key, data)
    place.records.add_instance(replace(new, size_bytes=len(data)))


def made_home(folder: Path) -> str:
    """Make records in which everything has happened and give their URL; the store is the folder `home` beside."""
    place, store = open_records(f"sqlite://{folder}/home.sqlite"), open_store(f"file://{folder}/home")
    for name, study, site in (
        ("i1", "s1", NORTH),
        ("i2", "s1", NORTH),
        ("i3", "s2", NORTH),
        ("i4", "s3", NORTH),
        ("i5", "s4", SOUTH),
    ):
        arrive(place, store, name, study, site)
    records, accounts = place.records, place.accounts
    records.installation_key()
    records.begin_attempts([InstanceId("i1"), InstanceId("i2"), InstanceId("i3")])
    records.save_assessments([made_result("i1"), made_refusal("i2"), made_refusal("i3", Status.FAILED, "no memory")])
    records.save_assessments([made_result("i1", package="3" * 64)])
    records.add_review(made_review())
    records.claim(StudyId("s2"), Claim(reviewer="ann", until=after(60)), NOON)
    place.shadows.begin_shadows("2" * 64, [InstanceId("i1")], at=after(2), begun_before=NOON)
    place.shadows.save_shadows([made_shadow("i1")])
    for number, said in enumerate((NORTH, SOUTH, None, NORTH)):
        records.add_timeline([TimelineEntry(action="received", at=after(number), site=said, detail={"n": number})])
    for user in (ANN, BOB, EVE):
        accounts.add_user(user)
    accounts.add_site(Site(name=NORTH, ae_title="NORTH", api_key_sha256="2" * 64))
    accounts.add_site(Site(name=SOUTH, ae_title="SOUTH", api_key_sha256="3" * 64))
    accounts.add_binding(Binding(kind=BindingKind.API_KEY, value="4" * 64, site=NORTH))
    accounts.add_binding(Binding(kind=BindingKind.BUCKET, value="s3://images/north", site=NORTH))
    for who, resource in (("ann", "s1"), ("site:north", "i4"), ("bob", "s4"), ("eve", "users"), ("ann", "i1")):
        accounts.add_access(Access(at=NOON, who=who, action="looked", resource=resource))
    records.close()
    return f"sqlite://{folder}/home.sqlite"
