"""Records a model file of real Keras and its forecasts, into tests/golden/keras_file.keras and .json.

Run it from the checkout with the Keras whose file it shall be; the one that is checked in is of the oldest Keras that
Timeglass works with:

    PYTHONPATH=tests python tools/record_keras_file.py

Weights are drawn from the names of the layers, windows from a seed, by the functions here that
tests/test_keras_files.py uses too. The archive is packed again, which Keras does not do, so that it takes little room.
"""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "keras_file.keras"

Floats = NDArray[np.float32]


def weights_of(layer: str, number: int, shape: tuple[int, ...]) -> Floats:
    """Uniform within ± 0.5, of the layer's name and the array's place in it."""
    rng = np.random.default_rng([zlib.crc32(layer.encode()), number])
    return rng.uniform(-0.5, 0.5, shape).astype(np.float32)


def windows() -> Floats:
    """X (5, 8, 2); a third of the steps are masked."""
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, (5, 8, 2)).astype(np.float32)
    x[rng.random((5, 8)) < 1 / 3] = 0
    return x


def keras_model() -> Any:
    """Every kind of layer, a branch, and names that no layer here would get by itself."""
    import keras

    layers = keras.layers
    window = layers.Input((8, 2))
    y = layers.Masking(name="masking_9")(window)
    y = layers.Bidirectional(layers.GRU(3, return_sequences=True, name="gru_7"), "sum", name="both ways")(y)
    backward = layers.GRU(3, go_backwards=True, return_sequences=True, name="from the end")
    y = layers.Bidirectional(layers.SimpleRNN(3, return_sequences=True), backward_layer=backward, name="pair")(y)
    y = layers.LSTM(2, name="lstm_3", dropout=0.25, return_sequences=True)(y)
    y = layers.SimpleRNN(4, "relu", go_backwards=True, use_bias=False, name="simple_rnn_3")(y)
    y = layers.Dense(1, "tanh", name="dense")(layers.Dropout(0.2, name="dropout_1")(y))
    skip = layers.Dense(1, name="trend")(layers.Flatten()(window[:, -4:]))
    model = keras.Model(window, layers.Add()([y, skip]), name="my forecaster")
    for layer in model.layers:
        parts = [layer.forward_layer, layer.backward_layer] if hasattr(layer, "forward_layer") else [layer]
        for part in parts:
            shapes = [array.shape for array in part.get_weights()]
            part.set_weights([weights_of(part.name, i, shape) for i, shape in enumerate(shapes)])
    return model


def main() -> None:
    """Writes both files."""
    import keras

    model, saved = keras_model(), GOLDEN.with_suffix(".tmp.keras")
    model.save(saved)
    with zipfile.ZipFile(saved) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    saved.unlink()
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED, 9)
    GOLDEN.write_bytes(packed.getvalue())
    forecasts = np.asarray(model(windows())).tolist()
    record = {"keras": keras.__version__, "forecasts": forecasts}
    GOLDEN.with_suffix(".json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
