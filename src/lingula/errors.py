"""Every error Lingula raises on purpose, drawn once.

::

    LingulaError
    ├── NotAccepted            the bytes cannot become a radiograph; sending them again will not help
    │   ├── NotDicom           the bytes are no format Lingula reads
    │   ├── UnreadablePixels   the format is known, the picture inside is damaged or absurd
    │   └── NotEligible        readable, kept, but outside what is assessed (lateral view, other body part, ...)
    ├── PackageError           a model package cannot be used
    │   ├── PackageDamaged     a digest, a member or an output is wrong
    │   └── PackageTooNew      the package's format is newer than this program
    ├── TrainingError          a data set, recipe or run cannot be trusted as it is
    ├── NotFound               nothing is known under this id
    ├── Conflict               somebody else changed it meanwhile, or it contradicts what is recorded
    ├── NotAllowed             who asks is known, but may not do this
    ├── BackendUnavailable     a store, queue or record does not answer: the only error worth trying again
    └── SettingsError          a setting is missing, misspelt or unsafe

A type exists only if somebody handles it differently. A message says what was wrong, which value, and what to do,
and never carries a patient's identity. Each door turns these types into its own protocol's words in one table.
"""


class LingulaError(Exception):
    """The root of all errors raised on purpose."""


class NotAccepted(LingulaError):
    """The bytes sent cannot become a radiograph; the sender should correct them, not repeat them."""


class NotDicom(NotAccepted):
    """The bytes are neither DICOM nor a picture format Lingula reads; raised by `radiology` when sniffing content."""


class UnreadablePixels(NotAccepted):
    """The format is known but the picture is damaged, truncated or absurdly large; send the original again."""


class NotEligible(NotAccepted):
    """Readable and kept, but outside the model's intended use; a doctor reads it unassessed."""


class PackageError(LingulaError):
    """A model package cannot be used; raised when one is read, registered or loaded."""


class PackageDamaged(PackageError):
    """A member is missing, its digest differs, or the graph lacks a declared output; export or fetch it again."""


class PackageTooNew(PackageError):
    """The package states a newer format than this program knows; upgrade Lingula."""


class TrainingError(LingulaError):
    """A data set, recipe or run contradicts itself or cannot be trusted; the message says what to change."""


class NotFound(LingulaError):
    """Nothing is known under the id asked for, or the asker may not know that it exists."""


class Conflict(LingulaError):
    """What is asked contradicts what is recorded: claimed or reviewed meanwhile, or another picture under one UID."""


class NotAllowed(LingulaError):
    """The asker is known but may not do this; ask an administrator for the site or role."""


class BackendUnavailable(LingulaError):
    """A store, queue or record does not answer; try again after the stated delay, and keep the original until then."""

    def __init__(self, message: str, *, retry_after_seconds: float = 5.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class SettingsError(LingulaError):
    """A setting is missing, misspelt or unsafe; the message names it and the values that are allowed."""
