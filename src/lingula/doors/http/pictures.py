"""Pictures for people: the radiograph as PNG, a small one for the list, the heat map over it.

Drawn when somebody looks, never before. Only thumbnails are remembered, because a list of fifty is fetched again and
again; how much they may hold together is bounded, and they stay in memory: no picture is written to a disk here.
"""

import io
import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from PIL import Image

from lingula.radiology.identifiers import InstanceId
from lingula.radiology.radiograph import Pixels
from lingula.radiology.reading import read_radiograph, render_window
from lingula.triage import heatmap

THUMBNAIL_PIXELS = 160  # the longest side, twice what the list shows, for sharp screens
THUMBNAILS_AT_MOST_BYTES = 16 * 1024 * 1024


def draw_radiograph(data: bytes, window: tuple[float, float] | None) -> bytes:
    """Give the whole radiograph as a grey PNG; raises as `render_window`."""
    return _png(render_window(data, window).pixels)


def draw_heatmap(data: bytes, activation_map: bytes, lung_mask: bytes) -> bytes:
    """Give the radiograph with the heat map over it, as PNG; raises as `read_radiograph`."""
    radiograph = read_radiograph(data, at_least=heatmap.LONGEST_SIDE)
    return heatmap.draw_heatmap(radiograph, activation_map, lung_mask)


def draw_thumbnail(data: bytes) -> bytes:
    """Give a small grey JPEG without the original's metadata; raises as `read_radiograph`."""
    picture = Image.fromarray(read_radiograph(data, at_least=THUMBNAIL_PIXELS).pixels)
    picture.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS), Image.Resampling.BILINEAR)
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=85)
    return written.getvalue()


class Thumbnails:
    """Small pictures looked at lately, oldest forgotten first."""

    def __init__(self, at_most_bytes: int = THUMBNAILS_AT_MOST_BYTES) -> None:
        self._at_most_bytes = at_most_bytes
        self._size_bytes = 0
        self._kept: OrderedDict[InstanceId, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, instance: InstanceId, original: Callable[[], bytes]) -> bytes:
        """Give the thumbnail of an instance; `original` gives its bytes if they are needed."""
        with self._lock:
            kept = self._kept.get(instance)
            if kept is not None:
                self._kept.move_to_end(instance)
                return kept
        drawn = draw_thumbnail(original())
        with self._lock:
            if instance not in self._kept:
                self._kept[instance] = drawn
                self._size_bytes += len(drawn)
            while self._size_bytes > self._at_most_bytes and self._kept:
                self._size_bytes -= len(self._kept.popitem(last=False)[1])
        return drawn


def _png(pixels: Pixels) -> bytes:
    written = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(written, "PNG", compress_level=1)  # quick; nobody keeps it
    return written.getvalue()
