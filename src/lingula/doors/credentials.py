"""Secrets that let people and hospitals in: made, digested and compared in one place.

Passwords become argon2id hashes; session tokens and API keys are 256 random bits, so their SHA-256 digest is enough to
keep. Nothing kept can be used to get in.

References
----------
OWASP Password Storage Cheat Sheet (argon2id, 19 MiB, two passes, one lane); RFC 9106; OWASP ASVS 4.0 V2.4, V3.2.
"""

import hashlib
import secrets
import threading

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from lingula.errors import SettingsError

SECRET_BYTES = 32
SHORTEST_PASSWORD = 10  # characters
LONGEST_PASSWORD = 200  # characters; longer ones only cost the server time

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1, type=Type.ID)  # memory_cost in KiB
_at_once = threading.BoundedSemaphore(2)  # guessing must not take all memory and processors
_nobody = _hasher.hash(secrets.token_urlsafe(SECRET_BYTES))  # an unknown user costs as much time as a known one


def hash_password(password: str) -> str:
    """Give the argon2id hash of a password, salt and parameters included.

    Raises
    ------
    SettingsError
        If the password is shorter or longer than allowed; the message says which.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise SettingsError(
            f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters, this one has {len(password)}: "
            "choose another, for example four unrelated words"
        )
    with _at_once:
        return _hasher.hash(password)


def is_password(password_hash: str | None, password: str) -> bool:
    """Tell whether a password fits a hash; None stands for an unknown user and takes the same time.

    >>> is_password(hash_password("correct horse battery"), "correct horse battery")
    True
    >>> is_password(None, "correct horse battery")
    False
    """
    if len(password) > LONGEST_PASSWORD:
        return False
    with _at_once:
        try:
            _hasher.verify(password_hash or _nobody, password)
        except (VerificationError, InvalidHashError):
            return False
    return password_hash is not None


def new_secret() -> str:
    """Give a new secret of 256 random bits, safe in URLs, headers and cookies."""
    return secrets.token_urlsafe(SECRET_BYTES)


def digest(secret: str) -> str:
    """Give the SHA-256 digest, hexadecimal, under which a session token or an API key is kept.

    >>> digest("abc")[:16]
    'ba7816bf8f01cfea'
    """
    return hashlib.sha256(secret.encode()).hexdigest()
