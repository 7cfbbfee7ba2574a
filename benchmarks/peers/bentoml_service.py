"""The package as BentoML serves a service of one's own; runs in an environment that has BentoML, not by hand."""

import os
from pathlib import Path
from typing import Annotated

import bentoml  # type: ignore[import-not-found]  # lives in an environment of its own

from benchmarks.peers.shipped import Shipped

Jpeg = Annotated[bytes, bentoml.validators.ContentType("image/jpeg")]


@bentoml.service(workers=int(os.environ["WORKERS"]))
class Radiographs:
    """Takes a JPEG as the body of a request, which costs less than a form."""

    def __init__(self) -> None:
        self._shipped = Shipped(Path(os.environ["PACKAGE"]))

    @bentoml.api  # type: ignore[untyped-decorator]  # the same
    def ours(self, data: Jpeg, /) -> dict[str, float]:
        """Answer with the probability, decoding as our server does."""
        return {"probability": self._shipped.with_our_decoding(data)}

    @bentoml.api  # type: ignore[untyped-decorator]  # the same
    def pillow(self, data: Jpeg, /) -> dict[str, float]:
        """Answer with the probability, decoding every pixel."""
        return {"probability": self._shipped.with_pillow(data)}
