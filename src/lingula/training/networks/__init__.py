"""Networks: a lung finder, classifiers by name, and the reader that joins two of them in one graph."""

from lingula.training.networks.classifier import Classifier
from lingula.training.networks.from_package import classifier_from_package, finder_from_package, open_package
from lingula.training.networks.geometry import (
    FINDER_SIDE,
    FRAME,
    MAP_SIDE,
    WHOLE_FRAME,
    crop,
    fills_frame,
    lung_box,
    seen_box,
)
from lingula.training.networks.lung_finder import LungFinder
from lingula.training.networks.named import bare_classifier, build_classifier, look_once
from lingula.training.networks.reader import Reader
from lingula.training.networks.settlement import Settlement

__all__ = [
    "FINDER_SIDE",
    "FRAME",
    "MAP_SIDE",
    "WHOLE_FRAME",
    "Classifier",
    "LungFinder",
    "Reader",
    "Settlement",
    "bare_classifier",
    "build_classifier",
    "classifier_from_package",
    "crop",
    "fills_frame",
    "finder_from_package",
    "look_once",
    "lung_box",
    "open_package",
    "seen_box",
]
