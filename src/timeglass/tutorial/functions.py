"""The tutorial's five functions under its own names: its program runs with only the import lines changed.

They do what the tutorial's do, its faults included (the scaler sees the test part); `timeglass sunspots`
runs the same job and names the faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from timeglass.errors import OptionError
from timeglass.evaluate.metrics import root_mean_squared_error
from timeglass.model.sequential import Sequential
from timeglass.network.layers import Dense, SimpleRNN
from timeglass.prepare.scale import MinMaxScaler
from timeglass.prepare.windows import cut_windows
from timeglass.read.options import ReadOptions
from timeglass.read.reading import read_series
from timeglass.series.bundled import SUNSPOTS
from timeglass.show.picture import require_matplotlib
from timeglass.types import Array

__all__ = ["create_RNN", "get_XY", "get_train_test", "plot_result", "print_error", "sunspots_url"]

# The monthly sunspots as CSV: works wherever Timeglass is installed, without a network.
sunspots_url = str(SUNSPOTS)


def get_train_test(url: str, split_percent: float = 0.8) -> tuple[Array, Array, Array]:
    """Training rows, test rows and all rows (n,) of a CSV's second column, scaled to 0 … 1 over all of them.

    `url` is a file's path or a web address; `split_percent` is a share, as in the tutorial.

    >>> train, test, data = get_train_test(sunspots_url)
    >>> len(train), len(test), float(data.max())
    (2256, 564, 1.0)
    """
    if not 0 < split_percent < 1:
        raise OptionError(f"split_percent: expected a share between 0 and 1, such as 0.8, got {split_percent!r}")
    values = read_series(url, ReadOptions(value=2)).values
    data = MinMaxScaler.fit(values).transform(values)
    split = int(len(data) * split_percent)
    return data[:split], data[split:], data


def get_XY(dat: ArrayLike, time_steps: int) -> tuple[Array, Array]:  # noqa: N802  (the tutorial's name)
    """Windows X (N, time_steps, 1) that do not overlap, and Y (N,), the value after each.

    >>> X, Y = get_XY([0, 1, 2, 3, 4, 5, 6], 3)
    >>> X[:, :, 0].tolist(), Y.tolist()
    ([[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]], [3.0, 6.0])
    """
    if time_steps < 1:
        raise OptionError(f"time_steps: expected a whole number of at least 1, got {time_steps!r}")
    windows = cut_windows(np.asarray(dat, dtype=np.float64), time_steps, stride=time_steps)
    return windows.x[:, :, None], windows.y


def create_RNN(  # noqa: N802  (the tutorial's name)
    hidden_units: int, dense_units: int, input_shape: tuple[int, int], activation: Sequence[str]
) -> Sequential:
    """SimpleRNN(hidden_units) → Dense(dense_units), compiled with Adam and the mean squared error.

    `activation` holds the two layers' activations.

    >>> create_RNN(3, 1, (12, 1), ["tanh", "tanh"]).count_params()
    19
    """
    model = Sequential()
    model.add(SimpleRNN(hidden_units, input_shape=input_shape, activation=activation[0]))
    model.add(Dense(units=dense_units, activation=activation[1]))
    model.compile(loss="mean_squared_error", optimizer="adam")
    return model


def print_error(trainY: ArrayLike, testY: ArrayLike, train_predict: ArrayLike, test_predict: ArrayLike) -> None:  # noqa: N803
    """Prints the RMSE of both parts, in the units of what it is given, with the tutorial's three decimals."""
    pairs = (("Train", trainY, train_predict), ("Test", testY, test_predict))
    for part, actual, predicted in pairs:
        error = float(root_mean_squared_error(np.ravel(actual), np.ravel(predicted)))
        print(f"{part} RMSE: {error:.3f} RMSE")


def plot_result(trainY: ArrayLike, testY: ArrayLike, train_predict: ArrayLike, test_predict: ArrayLike) -> Any:  # noqa: N803
    """Draws actual and predicted values one after another, a red line where the test part begins.

    Draws on pyplot's current state, as the tutorial does (show or save it yourself), and gives the axes.
    """
    require_matplotlib()
    from matplotlib import pyplot as plt  # an optional extra

    actual = np.append(np.ravel(trainY), np.ravel(testY))
    predictions = np.append(np.ravel(train_predict), np.ravel(test_predict))
    _, axes = plt.subplots(figsize=(15, 6), dpi=80)
    axes.plot(np.arange(len(actual)), actual, label="Actual")
    axes.plot(np.arange(len(predictions)), predictions, label="Predictions")
    axes.axvline(x=len(np.ravel(trainY)), color="r")
    axes.legend()
    axes.set_xlabel("Observation number after given time steps")
    axes.set_ylabel("Scaled value")
    axes.set_title("Actual and predicted values. The red line separates the training part from the test part.")
    return axes
