"""What a file says of itself against what the package may be used on.

Only what is stated can refuse: a plain picture, or a DICOM file without these elements, passes, and its pixels decide
by their novelty. A refusal names the value and the rule, because a doctor reads it on the worklist.

References
----------
DICOM PS3.3 C.7.3.1.1.1 Modality, C.8.7.1.1.1 View Position, Annex L of PS3.16 Body Part Examined.
"""

import re
from collections.abc import Sequence

from lingula.modelpackage.manifest import IntendedUse
from lingula.radiology.study import Instance
from lingula.radiology.views import is_lateral

_CODE_STRING = re.compile(r"[A-Z0-9 _]{1,16}")  # DICOM PS3.5 6.2, CS


def reason_not_eligible(instance: Instance, use: IntendedUse) -> str | None:
    """Say why an instance is outside a package's intended use, or None if nothing stated is against it.

    Parameters
    ----------
    instance
        What the file says of itself.
    use
        The package's intended use; compared without regard to case and surrounding spaces. An empty list allows all.
    """
    if not instance.has_pixels:
        return "the file carries no picture; only radiographs are assessed"
    return (
        _against_list("modality", instance.modality, use.modalities)
        or _against_view(instance.view_position, use.view_positions)
        or _against_list("body part", instance.body_part_examined, use.body_parts)
        or _against_age(instance.age_years, use)
    )


def _against_list(what: str, stated: str | None, allowed: Sequence[str]) -> str | None:
    value = _plain(stated)
    if not value or not allowed or value in {_plain(name) for name in allowed}:
        return None
    return f"{what} {_shown(value)} is outside the intended use; only {_either(allowed)} {_are(allowed)} assessed"


def _against_view(stated: str | None, allowed: Sequence[str]) -> str | None:
    value = _plain(stated)
    if allowed and is_lateral(value) and value not in {_plain(name) for name in allowed}:
        return f"view position '{value}' is lateral; only {_either(allowed)} {_are(allowed)} assessed"
    return _against_list("view position", stated, allowed)


def _against_age(age_years: float | None, use: IntendedUse) -> str | None:
    if age_years is None or use.age_years_min <= age_years <= use.age_years_max:
        return None
    return (
        f"age {age_years:.4g} years is outside the intended use; "
        f"only ages {use.age_years_min:g} to {use.age_years_max:g} years are assessed"
    )


def _plain(value: str | None) -> str:
    return (value or "").strip().upper()


def _shown(value: str) -> str:
    """Quote a code string; anything else in its place may be somebody's name and is not repeated."""
    return f"'{value}'" if _CODE_STRING.fullmatch(value) else "(no DICOM code string)"


def _either(names: Sequence[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else names[0]


def _are(names: Sequence[str]) -> str:
    return "are" if len(names) > 1 else "is"
