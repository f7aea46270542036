"""Timeglass: the see-through recurrent forecaster."""

from timeglass.errors import (
    DataError,
    DivergenceError,
    EngineError,
    InputError,
    OptionError,
    ShapeError,
    TimeglassError,
)
from timeglass.model.history import History
from timeglass.model.sequential import Sequential
from timeglass.network.layers import Dense, Input, SimpleRNN
from timeglass.train.optimizers import Adam

__all__ = [
    "Adam",
    "DataError",
    "Dense",
    "DivergenceError",
    "EngineError",
    "History",
    "Input",
    "InputError",
    "OptionError",
    "Sequential",
    "ShapeError",
    "SimpleRNN",
    "TimeglassError",
    "__version__",
]

__version__ = "0.1.0"
