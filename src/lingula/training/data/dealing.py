"""Groups of radiographs dealt to parts by shares, within each label and finding, in an order that a seed decides."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

Strata = Sequence[Sequence[tuple[str, int]]]
"""For each label and finding, its groups by name and how many radiographs each has."""


def group_strata(rows: Iterable[tuple[str, int, str]]) -> Strata:
    """Put each group into the one stratum that most of its radiographs belong to.

    Parameters
    ----------
    rows
        Group, label and finding of each radiograph.
    """
    seen: dict[str, Counter[tuple[int, str]]] = {}
    for group, label, finding in rows:
        seen.setdefault(group, Counter())[(label, finding)] += 1
    strata: dict[tuple[int, str], list[tuple[str, int]]] = {}
    for group, counts in seen.items():
        commonest = min(counts, key=lambda stratum: (-counts[stratum], stratum))
        strata.setdefault(commonest, []).append((group, counts.total()))
    return [strata[key] for key in sorted(strata)]


def deal(strata: Strata, shares: dict[str, float], *, salt: str) -> dict[str, str]:
    """Deal each stratum's groups to the named shares, always to the one that lags furthest behind.

    The order depends on salt and group alone: not on the order of rows, the machine or a library's random numbers.
    """
    dealt: dict[str, str] = {}
    for stratum in strata:
        have = dict.fromkeys(shares, 0)
        total = 0
        for group, size in sorted(stratum, key=lambda entry: hashlib.sha256(f"{salt}/{entry[0]}".encode()).digest()):
            total += size
            lagging = max(shares, key=lambda name: shares[name] * total - have[name])
            dealt[group] = lagging
            have[lagging] += size
    return dealt
