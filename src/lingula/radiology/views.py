"""What a view position says: whether a chest was looked at from the front or from the side.

References
----------
DICOM PS3.3 C.8.7.1.1.1, View Position.
"""

# View Position (0018,5101) is free text in old CR objects; these are what machines write for a view from the side.
LATERAL_VIEWS = frozenset({"LL", "RL", "LAT", "LATERAL", "LLAT", "RLAT", "LLD", "RLD", "LEFT LATERAL", "RIGHT LATERAL"})


def is_lateral(view: str | None) -> bool:
    """Say whether a view is one from the side; a view that is not stated is not.

    >>> is_lateral(" lateral"), is_lateral("PA"), is_lateral(None)
    (True, False, False)
    """
    return view is not None and view.strip().upper() in LATERAL_VIEWS
