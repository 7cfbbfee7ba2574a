"""Builds the running system from the settings: the only place that knows all the parts."""

from lingula.wiring.hub import EventHub, Signal
from lingula.wiring.system import System, build_system

__all__ = ["EventHub", "Signal", "System", "build_system"]
