"""The shelf of model packages: registered, tried in shadow, promoted by a person, rolled back when they were wrong."""

from lingula.registry.decisions import Action, Decision
from lingula.registry.registry import Registry
from lingula.registry.shelved import ShelvedPackage

__all__ = ["Action", "Decision", "Registry", "ShelvedPackage"]
