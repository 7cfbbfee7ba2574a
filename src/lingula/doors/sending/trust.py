"""Whom a sender trusts: the system's authorities, or the file of a hospital's own.

The same three options stand in every address that speaks TLS: ``ca`` names the authority's file, ``cert`` and ``key``
show who sends where the receiver asks for it.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path

from lingula.errors import SettingsError

TLS_OPTIONS = frozenset({"ca", "cert", "key"})


def trusting_context(options: Mapping[str, str]) -> ssl.SSLContext:
    """Give a context that verifies the receiver's certificate and name.

    Parameters
    ----------
    options
        Paths of PEM files by option; absent ones mean the system's authorities and no certificate of our own.

    Raises
    ------
    SettingsError
        If a file cannot be read or is no such thing; it is named.
    """
    for name in ("ca", "cert", "key"):
        if name in options and not Path(options[name]).is_file():
            raise SettingsError(f"{name} names {options[name]!r}, which is no file; give a PEM file that can be read")
    if "key" in options and "cert" not in options:
        raise SettingsError("key belongs to a certificate: give cert=FILE too")
    try:
        context = ssl.create_default_context(cafile=options.get("ca"))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if "cert" in options:
            context.load_cert_chain(Path(options["cert"]), options.get("key"))
    except (OSError, ssl.SSLError) as error:
        reason = getattr(error, "reason", None) or error.strerror
        raise SettingsError(f"ca, cert and key must be PEM files that can be read ({reason})") from error
    return context
