"""Drawn chests with lungs, some with an opacity: enough for networks to learn something in seconds."""

from pathlib import Path

from lingula.training.synthesis.drawn import SIDE, DrawnChest, drawn_chest, write_drawn_chests

__all__ = ["SIDE", "DrawnChest", "drawn_chest", "drawn_data"]


def drawn_data(folder: Path, count: int) -> Path:
    """Write `count` chests of count / 2 patients with masks and a table ``data.csv``; give the folder."""
    return write_drawn_chests(folder, count).parent
