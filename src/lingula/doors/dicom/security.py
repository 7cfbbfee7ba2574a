"""TLS for the DICOM door: the certificate it shows, and whose certificates it asks senders for.

References
----------
DICOM PS3.15 Annex B.9 (BCP 195 TLS secure transport connection profile): TLS 1.2 or newer.
"""

import ssl

from lingula.errors import SettingsError
from lingula.settings import Settings


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Give what the settings ask for; None if they ask for no TLS.

    Raises
    ------
    SettingsError
        If a file cannot be used, or one is named without the others it needs.
    """
    certificate, key, authority = settings.dicom_certificate, settings.dicom_key, settings.dicom_client_authority
    if certificate is None:
        if key or authority:
            raise SettingsError("LINGULA_DICOM_CERTIFICATE: a key or an authority is set, so a certificate is needed")
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"LINGULA_DICOM_CERTIFICATE and LINGULA_DICOM_KEY cannot be used ({_reason(error)}); both are PEM files "
            "that belong together, the key without a passphrase"
        ) from error
    if authority is not None:
        try:
            context.load_verify_locations(authority)
        except (OSError, ssl.SSLError) as error:
            raise SettingsError(
                f"LINGULA_DICOM_CLIENT_AUTHORITY cannot be used ({_reason(error)}); it is a PEM file of certificates"
            ) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or type(error).__name__)
