"""A typical service of a course: Flask, a Keras network, results in Redis; runs where TensorFlow is, not by hand.

As tutorials have it: the picture in a form, decoded whole to RGB, shrunk, `model.predict` for one, the answer set in
Redis and returned. Its weights are random, so it says nothing of a chest; it is only measured.
"""

import json
import os
import uuid
from collections.abc import Callable

import numpy as np
from flask import Flask, request
from numpy.typing import NDArray
from PIL import Image
from redis import Redis

SIDE = 224

Predict = Callable[[NDArray[np.float32]], float]
"""Takes one picture, shape (1, side, side, 3), 0-255, and gives a probability."""


def create_app(predict: Predict, results: Redis) -> Flask:
    """Lay the routes around a network and the place for its results."""
    app = Flask(__name__)

    @app.get("/health")
    def health() -> str:
        return "ok"

    @app.post("/predict")
    def answer() -> dict[str, object]:
        file = request.files["file"]
        picture = Image.open(file.stream).convert("RGB").resize((SIDE, SIDE))
        probability = predict(np.asarray(picture, np.float32)[np.newaxis])
        result: dict[str, object] = {"id": uuid.uuid4().hex, "filename": file.filename, "probability": probability}
        results.set(f"result:{result['id']}", json.dumps(result))
        return result

    return app


def service() -> Flask:
    """Build the network and open Redis, once for each worker of gunicorn."""
    import keras  # type: ignore[import-not-found]  # lives in an environment of its own

    network = keras.applications.ResNet50(weights=None, classes=1, classifier_activation="sigmoid")

    def predict(pixels: NDArray[np.float32]) -> float:
        ready = keras.applications.resnet50.preprocess_input(pixels.copy())
        return float(network.predict(ready, verbose=0)[0, 0])

    predict(np.zeros((1, SIDE, SIDE, 3), np.float32))  # builds the graph before a radiograph waits for it
    return create_app(predict, Redis.from_url(os.environ["REDIS_URL"]))
