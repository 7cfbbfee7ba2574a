"""Builds the running system from the settings: the only place that knows all the parts."""

from lingula.wiring.hub import EventHub, Signal
from lingula.wiring.parts import ALL, Part
from lingula.wiring.system import System, build_system

__all__ = ["ALL", "EventHub", "Part", "Signal", "System", "build_system"]
