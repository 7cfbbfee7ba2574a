"""Carries sites from one pair of places to another: from one machine to many, with every id as it was.

A study is carried in this order: its originals are copied, each known again by its SHA-256 and read back; then its rows
are taken in one transaction. So a study that is recorded at the place that takes is there with all its bytes, and what
was carried before is passed over when the same is asked again. The places that give are only read.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from lingula.errors import Conflict, NotFound
from lingula.radiology.identifiers import InstanceId, SiteName, StudyId
from lingula.records.accounts import Accounts, BindingKind, no_such_site
from lingula.records.moves import KeptOriginal, Log, Moves, Taken
from lingula.records.records import RecordsPlace
from lingula.stores.store import ObjectStore

_STUDIES_AT_ONCE = 200  # ids asked for together
_LINES_AT_ONCE = 1_000


@dataclass(frozen=True, kw_only=True)
class Ends:
    """The places that give and those that take."""

    from_records: RecordsPlace
    from_store: ObjectStore
    to_records: RecordsPlace
    to_store: ObjectStore


@dataclass(kw_only=True)
class MoveTally:
    """What was carried so far."""

    sites: int = 0
    users: int = 0
    studies: int = 0  # looked at
    by_outcome: dict[Taken, int] = field(default_factory=lambda: dict.fromkeys(Taken, 0))
    originals: int = 0
    original_bytes: int = 0
    log_lines: int = 0
    damaged: list[InstanceId] = field(default_factory=list)  # whose bytes are lost or changed; their studies were left

    @property
    def is_whole(self) -> bool:
        """Tell whether nothing was left out."""
        return not self.damaged and not self.by_outcome[Taken.AHEAD]


def sites_to_move(ends: Ends, site: str | None) -> Sequence[SiteName]:
    """Give the sites that are asked for, or all there are.

    Raises
    ------
    NotFound
        If nothing is known of the site, or there is nothing at all to move.
    """
    if ends.from_records.moves.known_key() is None:
        raise NotFound("nothing was ever recorded at the place to move from; check --from-records")
    known = ends.from_records.moves.site_names()
    if site is None:
        return known
    if site not in known:
        raise no_such_site(site, known)
    return [SiteName(site)]


def count_studies(ends: Ends, sites: Sequence[SiteName]) -> int:
    """Count what there is to look at."""
    return sum(ends.from_records.moves.count_studies(site) for site in sites)


def move_sites(
    ends: Ends, sites: Sequence[SiteName], *, is_all: bool, notify: Callable[[MoveTally], None] | None = None
) -> MoveTally:
    """Carry sites, and with `is_all` also what belongs to none of them.

    Parameters
    ----------
    sites
        As `sites_to_move` gives them.
    notify
        Is told how far it has come, after every study.

    Raises
    ------
    Conflict
        If the place that takes belongs to another installation, or knows a binding as another site's.
    BackendUnavailable
        If a place does not answer; what was carried until then stays, and the same call goes on from there.
    """
    _take_key(ends)
    tally = MoveTally()
    ends.to_store.check()
    tally.users = _move_users(ends.from_records.accounts, ends.to_records.accounts, None if is_all else set(sites))
    for site in sites:
        _move_bindings(ends.from_records.accounts, ends.to_records.accounts, site)
        for study in _studies(ends.from_records.moves, site):
            _move_study(ends, study, tally)
            if notify is not None:
                notify(tally)
        tally.sites += 1
    for owner in (*sites, *([None] if is_all else [])):
        for log in Log:
            tally.log_lines += _move_log(ends, log, owner)
    return tally


def _take_key(ends: Ends) -> None:
    key = ends.from_records.moves.known_key()
    if key is None:
        raise NotFound("nothing was ever recorded at the place to move from; check --from-records")
    ends.to_records.moves.take_key(key)


def _move_users(giving: Accounts, taking: Accounts, sites: set[SiteName] | None) -> int:
    """Carry those who see the sites; somebody who is there already sees these too, and keeps password and role."""
    there = {user.name: user for user in taking.users()}
    moved = 0
    for user in giving.users():
        if sites is not None and user.sites is not None and not user.sites & sites:
            continue
        known = there.get(user.name)
        if known is None:
            taking.add_user(user)
            moved += 1
        elif known.sites is not None and user.sites is not None and not user.sites <= known.sites:
            taking.replace_user(replace(known, sites=known.sites | user.sites))
    return moved


def _move_bindings(giving: Accounts, taking: Accounts, site: SiteName) -> None:
    """Carry a site's row once; later its keys and titles at the place that takes are that place's own."""
    found = [one for one in giving.sites() if one.name == site]
    if not found:
        return  # radiographs taken in from the command line belong to a site that no door knows
    if site not in {one.name for one in taking.sites()}:
        taking.add_site(found[0])
    owners = {(one.kind, one.value): one.site for one in taking.bindings()}
    for binding in giving.bindings():
        is_first = binding.value in {found[0].ae_title, found[0].api_key_sha256}
        if binding.site != site or (is_first and binding.kind in {BindingKind.AE_TITLE, BindingKind.API_KEY}):
            continue
        owner = owners.get((binding.kind, binding.value))
        if owner is None:
            taking.add_binding(binding)
        elif owner != site:
            raise Conflict(f"a {binding.kind} of site {site!r} belongs to {owner!r} at the place to move to; unbind it")


def _studies(moves: Moves, site: SiteName) -> Iterator[StudyId]:
    after: StudyId | None = None
    while some := moves.study_ids(site, after, _STUDIES_AT_ONCE):
        yield from some
        after = some[-1]


def _move_study(ends: Ends, study: StudyId, tally: MoveTally) -> None:
    given = ends.from_records.moves.give_study(study)
    outcome = ends.to_records.moves.lacks(given)
    if outcome in {Taken.NEW, Taken.RENEWED}:
        damaged = [one.instance for one in given.originals if not _is_moved(ends, one, tally)]
        if damaged:
            tally.studies += 1
            tally.damaged.extend(damaged)
            return
        outcome = ends.to_records.moves.take_study(given)
    tally.studies += 1
    tally.by_outcome[outcome] += 1


def _is_moved(ends: Ends, original: KeptOriginal, tally: MoveTally) -> bool:
    """Copy an original and read it back; False if it is lost or its bytes are not those that were recorded."""
    if _has(ends.to_store, original):
        return True
    try:
        data = ends.from_store.get(original.key)
    except NotFound:
        return False
    if _digest(data) != original.sha256:
        return False
    ends.to_store.put(original.key, data)
    if not _has(ends.to_store, original):
        raise Conflict("the store to move to gives back other bytes than it was given; do not use it")
    tally.originals += 1
    tally.original_bytes += len(data)
    return True


def _has(store: ObjectStore, original: KeptOriginal) -> bool:
    try:
        return _digest(store.get(original.key)) == original.sha256
    except NotFound:
        return False


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _move_log(ends: Ends, log: Log, site: SiteName | None) -> int:
    giving, taking = ends.from_records.moves, ends.to_records.moves
    after, lines = taking.taken_up_to(log, site), 0
    while (given := giving.give_log(log, site, after, _LINES_AT_ONCE)).up_to is not None:
        taking.take_log(log, site, given)
        after, lines = given.up_to, lines + len(given.rows)
    return lines
