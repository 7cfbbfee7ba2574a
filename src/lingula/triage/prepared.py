"""From a file's bytes to what a package takes, or the finding that there will be none."""

import hashlib
import time
from collections.abc import Callable

from lingula.errors import LingulaError, NotAccepted, NotEligible
from lingula.modelpackage.manifest import Manifest
from lingula.modelpackage.preprocessing import ModelInput, prepare
from lingula.radiology.reading import read_radiograph
from lingula.radiology.study import Instance
from lingula.records.records import NewInstance
from lingula.stores.store import ObjectStore
from lingula.triage.eligibility import reason_not_eligible
from lingula.triage.finding import Finding, fail, refuse

Timer = Callable[[], float]
"""Seconds of a clock that never goes back."""


def fetch_original(store: ObjectStore, new: NewInstance) -> bytes:
    """Fetch an original as it was sent.

    Raises
    ------
    NotFound, LingulaError
        If the store has lost it, or gives back other bytes than it was given. A store that is on its way up may do so,
        so it is worth another attempt.
    BackendUnavailable
        If the store does not answer.
    """
    data = store.get(new.store_key)
    if len(data) != new.size_bytes:
        raise LingulaError(
            f"the store gave {len(data):,} bytes of an original of {new.size_bytes:,}: restore it from a backup, or "
            "let the sender send it again"
        )
    if hashlib.sha256(data).hexdigest() != new.sha256:
        raise LingulaError(
            "the store gave other bytes than it was given, though as many: restore the original from a backup, or let "
            "the sender send it again"
        )
    return data


def prepare_instance(
    data: bytes, description: Instance, manifest: Manifest, timer: Timer = time.perf_counter
) -> ModelInput | Finding:
    """Give the input of the manifest's package, or the finding that the file is refused or cannot be read."""
    started = timer()
    is_stat = description.is_stat
    reason = reason_not_eligible(description, manifest.intended_use)
    if reason is not None:
        return refuse(reason, is_stat=is_stat, seconds=timer() - started)
    preprocessing = manifest.preprocessing
    try:
        return prepare(read_radiograph(data, at_least=preprocessing.decode_at_least), preprocessing)
    except NotEligible as error:
        return refuse(str(error), is_stat=is_stat, seconds=timer() - started)
    except NotAccepted as error:
        return fail(str(error), is_stat=is_stat, seconds=timer() - started)
