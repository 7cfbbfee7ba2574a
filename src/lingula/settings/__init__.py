"""Every setting once: name, type, unit, default and one sentence of meaning.

Values come from command line flags, then ``LINGULA_*`` variables, then ``lingula.toml`` in the working directory, then
the defaults, which run on one laptop with nothing else installed. The class is read in `wiring` and `doors` only;
nothing in the core knows where a number came from.
"""

from lingula.settings.fields import PREFIX, Settings
from lingula.settings.loading import FlagValue, Source, describe_settings, load_settings

__all__ = ["PREFIX", "FlagValue", "Settings", "Source", "describe_settings", "load_settings"]
