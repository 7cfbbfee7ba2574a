"""How large a picture may claim to be, checked before any memory is taken for it.

A file's header is written by whoever sent it. Every reader here states the size it is about to make and asks these
functions first, so that a few bytes cannot ask for gigabytes.
"""

from lingula.errors import UnreadablePixels

MOST_PIXELS = 64_000_000
"""The largest digital radiography detectors have about 20 megapixels, mammography about 25."""

MOST_ELEMENTS = 50_000
"""Elements, fragments or segments walked in one file; real radiographs have a few hundred."""

MOST_INFLATED_BYTES = 64 * 1024 * 1024
"""A deflated data set may become this long: more than 30 megapixels of 16 bits."""


def check_size(rows: int, columns: int) -> None:
    """Refuse a picture without pixels or with absurdly many."""
    if rows < 1 or columns < 1:
        raise UnreadablePixels(f"the picture claims {rows} rows and {columns} columns: there is nothing to read")
    if rows * columns > MOST_PIXELS:
        raise UnreadablePixels(
            f"the picture claims {rows} x {columns} pixels; at most {MOST_PIXELS:,} are read: send the original"
        )


def check_density(rows: int, columns: int, size_bytes: int, most_pixels_per_byte: float) -> None:
    """Refuse a picture that claims more pixels than its encoding can hold in the bytes present."""
    check_size(rows, columns)
    if rows * columns > max(size_bytes, 1) * most_pixels_per_byte:
        raise UnreadablePixels(
            f"the picture claims {rows} x {columns} pixels, but only {size_bytes:,} bytes are there: "
            "it is truncated or forged; send the original again"
        )
