"""Timeglass: the see-through recurrent forecaster."""

from timeglass.errors import (
    DataError,
    DivergenceError,
    EngineError,
    EngineWarning,
    InputError,
    OptionError,
    ShapeError,
    TimeglassError,
)
from timeglass.model.callbacks import Callback, LambdaCallback
from timeglass.model.checkpoint import Checkpoint
from timeglass.model.history import History
from timeglass.model.saving import load_model
from timeglass.model.sequential import Sequential
from timeglass.model.stopping import EarlyStopping, ReduceLROnPlateau
from timeglass.network.layers import (
    GRU,
    LSTM,
    Bidirectional,
    Dense,
    Dropout,
    Input,
    LinearSkip,
    Masking,
    SimpleRNN,
)
from timeglass.train.losses import GaussianLikelihood, Huber, LogCosh, MeanAbsoluteError, MeanSquaredError, Quantile
from timeglass.train.optimizers import SGD, Adam, AdamW, RMSprop
from timeglass.train.schedules import CosineDecay, ExponentialDecay, OneCycle
from timeglass.train.solver_settings import LBFGS, LevenbergMarquardt

__all__ = [
    "GRU",
    "LBFGS",
    "LSTM",
    "SGD",
    "Adam",
    "AdamW",
    "Bidirectional",
    "Callback",
    "Checkpoint",
    "CosineDecay",
    "DataError",
    "Dense",
    "DivergenceError",
    "Dropout",
    "EarlyStopping",
    "EngineError",
    "EngineWarning",
    "ExponentialDecay",
    "GaussianLikelihood",
    "History",
    "Huber",
    "Input",
    "InputError",
    "LambdaCallback",
    "LevenbergMarquardt",
    "LinearSkip",
    "LogCosh",
    "Masking",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "OneCycle",
    "OptionError",
    "Quantile",
    "RMSprop",
    "ReduceLROnPlateau",
    "Sequential",
    "ShapeError",
    "SimpleRNN",
    "TimeglassError",
    "__version__",
    "load_model",
]

__version__ = "0.1.0"
