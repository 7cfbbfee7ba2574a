"""Numbers below the smallest normal one: some library switches them off for a whole thread when it is loaded."""

import torch


def allow_subnormals() -> None:
    """Let this thread work with subnormal numbers again; hypothesis refuses to make floats without them."""
    torch.set_flush_denormal(False)
