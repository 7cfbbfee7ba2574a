"""DICOM values read from bytes that anybody may have written: what cannot be understood is None, never an error.

References
----------
DICOM PS3.5 6.2 (value representations), 6.1 (character repertoires); PS3.3 C.12.1.1.2 (Specific Character Set).
"""

import math
import re
import struct
from datetime import date

from lingula.radiology.elements import Elements

SPECIFIC_CHARACTER_SET = 0x00080005
_MOST_CHARACTERS = 324  # a person name: five components in three alphabets; longer texts are cut
_UID = re.compile(r"[!-~]{1,64}")
_DAY = re.compile(r"([0-9]{4})\.?([0-9]{2})\.?([0-9]{2})")
_AGE = re.compile(r"([0-9]{1,3})([YMWD])")
_AGE_UNITS_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 52.1775, "D": 365.2425}  # the Gregorian mean year
_OLDEST_YEARS = 130.0

_CODECS = {
    "ISO_IR 100": "latin-1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 203": "iso8859_15",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 166": "tis_620",
    "ISO_IR 87": "iso2022_jp_2",
    "ISO_IR 159": "iso2022_jp_2",
    "ISO_IR 149": "euc_kr",
    "ISO_IR 58": "gb2312",
    "ISO_IR 192": "utf-8",
    "GB18030": "gb18030",
    "GBK": "gbk",
}
_CODE_SWITCHES = (b"\x1b$)C", b"\x1b$)A", b"\x1b(B", b"\x1b(J", b"\x1b-A")


def text(elements: Elements, tag: int) -> str | None:
    """Read a text in the data set's own characters, without padding and control characters."""
    value = elements.value(tag)
    if value is None:
        return None
    declared = elements.value(SPECIFIC_CHARACTER_SET) or b""
    names = declared[:256].decode("ascii", "replace").replace("ISO 2022 IR", "ISO_IR").split("\\")
    codecs = [_CODECS[name.strip("\0 ")] for name in names if name.strip("\0 ") in _CODECS]
    codec = codecs[-1] if codecs else "latin-1"  # the last one named is the one that is switched to
    value = value[: 4 * _MOST_CHARACTERS]
    if not codec.startswith("iso2022"):
        for switch in _CODE_SWITCHES:
            value = value.replace(switch, b"")
    words = "".join(character for character in value.decode(codec, "replace") if character.isprintable())
    return words.strip()[:_MOST_CHARACTERS] or None


def code(elements: Elements, tag: int) -> str | None:
    """Read the first value of a code string, in capitals."""
    value = text(elements, tag)
    return value.split("\\")[0].strip().upper()[:64] or None if value else None


def uid(elements: Elements, tag: int) -> str | None:
    """Read a unique identifier; one that is no UID by any stretch is as good as none."""
    value = elements.value(tag)
    words = value[:128].strip(b"\0 ").decode("latin-1") if value else ""
    return words if _UID.fullmatch(words) else None


def day(elements: Elements, tag: int) -> date | None:
    """Read a date, YYYYMMDD or the retired YYYY.MM.DD."""
    parts = _DAY.fullmatch(text(elements, tag) or "")
    try:
        return date(int(parts[1]), int(parts[2]), int(parts[3])) if parts else None
    except ValueError:
        return None


def age_years(elements: Elements) -> float | None:
    """Read Patient's Age, else count from birth to study; impossible ages are None."""
    stated = _AGE.fullmatch(code(elements, 0x00101010) or "")
    if stated:
        years = int(stated[1]) / _AGE_UNITS_PER_YEAR[stated[2]]
    else:
        born, studied = day(elements, 0x00100030), day(elements, 0x00080020)
        if born is None or studied is None:
            return None
        years = (studied - born).days / _AGE_UNITS_PER_YEAR["D"]
    return years if 0.0 <= years <= _OLDEST_YEARS else None


def decimals(elements: Elements, tag: int) -> list[float]:
    """Read decimal or integer strings; a list with anything but finite numbers in it counts as absent."""
    value = elements.value(tag)
    if value is None:
        return []
    try:
        numbers = [float(part) for part in value[:4096].strip(b"\0 ").split(b"\\")]
    except ValueError:
        return []
    return numbers if all(math.isfinite(number) for number in numbers) else []


def decimal(elements: Elements, tag: int) -> float | None:
    """Read the first decimal or integer string."""
    return next(iter(decimals(elements, tag)), None)


def short(elements: Elements, tag: int, *, is_signed: bool = False) -> int | None:
    """Read the first 16-bit number."""
    return next(iter(shorts(elements, tag, is_signed=is_signed)), None)


def shorts(elements: Elements, tag: int, *, is_signed: bool = False) -> tuple[int, ...]:
    """Read 16-bit numbers in the data set's byte order."""
    value = elements.value(tag) or b""
    count = len(value) // 2
    return struct.unpack_from(f"{elements.encoding.byte_order}{count}{'h' if is_signed else 'H'}", value)
