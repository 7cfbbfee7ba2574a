"""Keras's side of ``training_speed``: steps of training in an environment that has TensorFlow; prints JSON.

Favours Keras: the pictures are random numbers in memory, nothing is augmented. Run by `training_speed`, not by hand.
"""

import argparse
import json
import time

import keras  # type: ignore[import-not-found]  # lives in an environment of its own
import numpy as np
import tensorflow as tf  # type: ignore[import-untyped]  # the same


def residual(features: "keras.KerasTensor", width: int, stride: int) -> "keras.KerasTensor":
    """Lay one of the default network's blocks."""
    layers = keras.layers
    out = convolved(features, width, stride)
    out = layers.BatchNormalization()(layers.Conv2D(width, 3, padding="same", use_bias=False)(out))
    if stride > 1:
        features = layers.AveragePooling2D(stride)(features)
    if features.shape[-1] != width:
        features = layers.BatchNormalization()(layers.Conv2D(width, 1, use_bias=False)(features))
    return layers.ReLU()(layers.Add()([out, features]))


def convolved(features: "keras.KerasTensor", width: int, stride: int) -> "keras.KerasTensor":
    """Lay a convolution, its normalisation and the rectifier."""
    layers = keras.layers
    out = layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(features)
    return layers.ReLU()(layers.BatchNormalization()(out))


def default_network(side: int, widths: list[int], blocks: list[int]) -> "keras.Model":
    """Build the default recipe's classifier as Keras would have it."""
    inputs = keras.Input((side, side, 1))
    features = convolved(convolved(inputs, widths[0] // 2, 2), widths[0], 2)
    for width, count, stride in zip(widths, blocks, (1, 2, 2, 1), strict=True):
        for number in range(count):
            features = residual(features, width, stride if number == 0 else 1)
    pooled = keras.layers.GlobalAveragePooling2D()(features)
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(pooled))


def resnet50(side: int) -> "keras.Model":
    """Build ResNet-50 with all layers trainable and random weights."""
    base = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(side, side, 3), pooling="avg")
    return keras.Model(base.input, keras.layers.Dense(1, activation="sigmoid")(base.output))


def main() -> None:
    """Train some steps and print what one picture took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", choices=["resnet50", "lingula"])
    parser.add_argument("--side", type=int, required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--widths", type=int, nargs=4, default=[0])
    parser.add_argument("--blocks", type=int, nargs=4, default=[0])
    parser.add_argument("--threads", type=int, required=True)
    words = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(words.threads)
    tf.config.threading.set_inter_op_parallelism_threads(words.threads)
    is_large = words.network == "resnet50"
    model = resnet50(words.side) if is_large else default_network(words.side, words.widths, words.blocks)
    model.compile(optimizer=keras.optimizers.Adam(1e-4), loss="binary_crossentropy")
    rng = np.random.default_rng(0)
    pictures = rng.random((words.batch, *model.input_shape[1:]), dtype=np.float32)
    labels = rng.integers(0, 2, (words.batch, 1)).astype(np.float32)
    seconds, processor = [], []
    for step in range(words.steps + 1):
        began, used = time.perf_counter(), time.process_time()
        model.train_on_batch(pictures, labels)
        if step > 0:  # the first also builds the graph
            seconds.append(time.perf_counter() - began)
            processor.append(time.process_time() - used)
    versions = f"tensorflow {tf.__version__}, keras {keras.__version__}"
    print(json.dumps({"seconds": seconds, "processor_seconds": processor, "versions": versions}))


if __name__ == "__main__":
    main()
