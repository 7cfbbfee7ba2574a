"""Variables that nobody set: the addresses of services, which Kubernetes puts into every container of a namespace.

A service named ``lingula`` becomes ``LINGULA_PORT`` and half a dozen others, one named ``lingula-dicom`` becomes
``LINGULA_DICOM_PORT=tcp://10.0.0.7:11112``: names that look like settings, or are some. They are told by their form, so
that a misspelt setting is still refused. What a deployment sets itself takes the place of such an address.

References
----------
Kubernetes, "Service", environment variables (``enableServiceLinks``); Docker, "Legacy container links".
"""

import re
from collections.abc import Mapping

_ADDRESS = re.compile(r"(tcp|udp|sctp)://[^/]+:\d+")
_NAMES = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")


def is_service_link(name: str, value: str) -> bool:
    """Tell whether a variable is the address of a service and no setting.

    Examples
    --------
    >>> is_service_link("LINGULA_DICOM_PORT", "tcp://10.0.0.7:11112"), is_service_link("LINGULA_DICOM_PORT", "11112")
    (True, False)
    """
    if name.upper().endswith("_PORT") and _ADDRESS.fullmatch(value):
        return True
    return _NAMES.fullmatch(name.upper()) is not None


def without_service_links(variables: Mapping[str, str | None]) -> dict[str, str | None]:
    """Give the variables that somebody set."""
    return {name: value for name, value in variables.items() if not is_service_link(name, value or "")}
