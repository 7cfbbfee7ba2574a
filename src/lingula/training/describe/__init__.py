"""A data set looked at before anything is trained on it: what is in it, what is there twice, what gives the label away.

`describe_dataset` measures, `write_description` writes one HTML page and a JSON file. Only numpy, Pillow and a
package's graph are needed, no PyTorch.
"""

from lingula.training.describe.describing import Looking, describe_dataset
from lingula.training.describe.result import Alike, Audit, Clue, Description, Group, NearCopies, Shows, Spread
from lingula.training.describe.writing import write_description, write_json

__all__ = [
    "Alike",
    "Audit",
    "Clue",
    "Description",
    "Group",
    "Looking",
    "NearCopies",
    "Shows",
    "Spread",
    "describe_dataset",
    "write_description",
    "write_json",
]
