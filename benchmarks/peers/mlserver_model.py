"""The package as MLServer serves a model of one's own; runs in an environment that has MLServer, not by hand."""

from pathlib import Path

from fastapi import Body
from mlserver import MLModel  # type: ignore[import-not-found]  # lives in an environment of its own
from mlserver.handlers import custom_handler  # type: ignore[import-not-found]  # the same

from benchmarks.peers.shipped import Shipped


class Radiographs(MLModel):  # type: ignore[misc]  # its base is not installed here
    """Takes a JPEG as it is: the protocol's own tensors would carry it as base64 in JSON, which costs more."""

    async def load(self) -> bool:
        """Open the package that the model's settings name."""
        self._shipped = Shipped(Path(self.settings.parameters.uri))
        return True

    @custom_handler(rest_path="/ours")  # type: ignore[untyped-decorator]  # the same
    async def ours(self, file: bytes = Body(media_type="image/jpeg")) -> dict[str, float]:
        """Answer with the probability, decoding as our server does."""
        return {"probability": self._shipped.with_our_decoding(file)}

    @custom_handler(rest_path="/pillow")  # type: ignore[untyped-decorator]  # the same
    async def pillow(self, file: bytes = Body(media_type="image/jpeg")) -> dict[str, float]:
        """Answer with the probability, decoding every pixel."""
        return {"probability": self._shipped.with_pillow(file)}
