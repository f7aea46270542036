"""The kernel's structs and codes, as `csrc/timeglass.h` declares them."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import POINTER, Structure, c_double, c_float, c_int32, c_int64, c_uint32, c_uint64, c_void_p
from typing import Any, ClassVar

__all__ = [
    "ACTIVATIONS",
    "CARRIES",
    "CLIPS",
    "KINDS",
    "LANES",
    "LOSSES",
    "MERGES",
    "NARROW",
    "OPTIMIZERS",
    "SLOTS",
    "WIDE",
    "FitCode",
    "LayerCode",
    "LossCode",
    "NetworkStruct",
    "OptimizerCode",
    "ProgressStruct",
    "WindowsStruct",
]

# Networks in a group; in one that takes little more than half the time; in one of AVX-512's that takes less than twice.
LANES, NARROW, WIDE = 16, 8, 32
SLOTS = 3  # TG_SLOTS

# In the order of the header's enums.
KINDS = ("simple_rnn", "gru", "lstm", "dense", "dropout", "masking", "merge", "linear_skip")
ACTIVATIONS = (
    "linear", "tanh", "sigmoid", "relu", "hard_sigmoid", "leaky_relu", "elu", "selu", "softplus", "softsign", "swish",
)  # fmt: skip
MERGES = ("concat", "sum", "mul", "ave")
LOSSES = (
    "mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "quantile", "gaussian_likelihood",
)  # fmt: skip
OPTIMIZERS = ("sgd", "rmsprop", "adam")
CLIPS = (None, "clipvalue", "clipnorm", "global_clipnorm")
CARRIES = ("networks", "samples")


class LayerCode(Structure):
    """tg_layer."""

    _fields_: ClassVar[Sequence[Any]] = [
        *((name, c_int32) for name in ("kind", "input", "other", "units", "activation", "recurrent_activation")),
        *((name, c_int32) for name in ("use_bias", "return_sequences", "go_backwards", "reset_after", "mask")),
        *((name, c_int32) for name in ("merge", "skip_steps", "dropout", "recurrent_dropout")),
        ("mask_value", c_float),
    ]


class NetworkStruct(Structure):
    """tg_network."""

    _fields_: ClassVar[Sequence[Any]] = [
        ("time_steps", c_int32),
        ("features", c_int32),
        ("layer_count", c_int32),
        ("layers", POINTER(LayerCode)),
    ]


class WindowsStruct(Structure):
    """tg_windows."""

    _fields_: ClassVar[Sequence[Any]] = [
        ("count", c_int64),
        *((name, c_void_p) for name in ("x", "y", "weight", "counts")),
        *((name, c_int32) for name in ("own_x", "own_y", "own_weight")),
    ]


class LossCode(Structure):
    """tg_loss."""

    _fields_: ClassVar[Sequence[Any]] = [
        ("kind", c_int32),
        ("level_count", c_int32),
        ("delta", c_float),
        ("levels", c_void_p),
    ]


class OptimizerCode(Structure):
    """tg_optimizer."""

    _fields_: ClassVar[Sequence[Any]] = [
        *((name, c_int32) for name in ("kind", "nesterov", "centered", "clip")),
        *((name, c_double) for name in ("clip_limit", "momentum", "beta_1", "beta_2", "epsilon", "weight_decay")),
    ]


class FitCode(Structure):
    """tg_fit."""

    _fields_: ClassVar[Sequence[Any]] = [
        ("loss", LossCode),
        ("optimizer", OptimizerCode),
        ("rates", c_void_p),
        ("factors", c_void_p),
        ("first_step", c_int64),
        ("factor_count", c_int64),
        ("l2", c_void_p),
        ("dropout", c_void_p),
        ("seed", c_uint64),
        ("first_epoch", c_int64),
        ("epochs", c_int64),
        ("batch_size", c_int64),
        ("shuffle", c_int32),
        ("carry", c_int32),
        ("slice_batches", c_int64),
        ("slice_seconds", c_double),
    ]


class ProgressStruct(Structure):
    """tg_progress."""

    _fields_: ClassVar[Sequence[Any]] = [
        ("networks", c_int32),
        ("number", c_uint32 * WIDE),
        ("epoch", c_int64),
        ("batch", c_int64),
        ("steps", c_int64 * WIDE),
        ("beta_1_power", c_double * WIDE),
        ("beta_2_power", c_double * WIDE),
        ("loss_sum", c_double * WIDE),
        ("best_loss", c_double * WIDE),
        ("weights", c_void_p),
        ("best_weights", c_void_p),
        ("slots", c_void_p * SLOTS),
        ("losses", c_void_p),
        ("order", c_void_p),
        ("order_epoch", c_int64),
    ]
