"""A few hundred damaged associations of the fuzzer, the same ones each time; `python -m tools.fuzz_dicom` plays on."""

import random

from made.triage import NORTH
from made.wards import VERIFICATION, OpenWard, associated, context

from tools.fuzz_dicom import damaged, play, recorded

SESSIONS = 300


def test_damaged_associations_leave_the_door_well(open_ward: OpenWard) -> None:
    ward = open_ward(dicom_default_site=NORTH)
    sessions = recorded()
    endings = {
        play(ward.door.port, damaged(sessions, chance), chance)
        for chance in (random.Random(number) for number in range(SESSIONS))
    }
    assert {"ABORT", "RELEASE_RP"} <= endings
    assert "nonsense" not in endings
    with associated(ward.peer(), context(1, VERIFICATION)) as association:
        assert association.echo(1).status == 0
    ward.door.close()
    assert ward.door.memory.free == ward.system.settings.uploads_in_flight_bytes
    assert len(ward.kept()) == len(list(ward.system.store.keys("")))
