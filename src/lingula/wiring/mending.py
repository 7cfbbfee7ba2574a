"""The little that a command needs to see parked failures and to let them be tried again."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from lingula.radiology.identifiers import SiteName
from lingula.records.records import Records
from lingula.settings import Settings
from lingula.triage.receive import Receiver
from lingula.triage.upkeep import Upkeep
from lingula.wiring.hub import EventHub
from lingula.wiring.places import open_places


@dataclass(frozen=True, kw_only=True)
class Mending:
    """What is known, and who mends it."""

    records: Records
    upkeep: Upkeep
    site_names: Callable[[], Sequence[SiteName]]  # every site of which anything is known


@contextmanager
def open_mending(settings: Settings) -> Iterator[Mending]:
    """Open the places; at the end the timeline is written and they are let go of.

    A queue in the memory of a running program is not reached from here; its upkeep writes the notes at its next look.
    """
    places = open_places(settings)
    hub = EventHub(places.records.add_timeline, [])

    def clock() -> datetime:
        return datetime.now(UTC)

    receiver = Receiver(store=places.store, records=places.records, queue=places.queue, notify=hub.notify, clock=clock)
    upkeep = Upkeep(records=places.records, queue=places.queue, store=places.store, receiver=receiver, clock=clock)
    try:
        yield Mending(records=places.records, upkeep=upkeep, site_names=places.moves.site_names)
    finally:
        hub.flush()
        places.queue.close()
        places.store.close()
        places.records.close()
