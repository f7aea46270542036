"""The arguments of `fit`, checked and sorted."""

from __future__ import annotations

from numbers import Real
from typing import Any

from timeglass.errors import InputError, OptionError, ShapeError
from timeglass.model.callbacks import Callbacks
from timeglass.model.checkpoint import Checkpoint
from timeglass.model.checks import whole
from timeglass.model.data import Data, Shape, data_of
from timeglass.network.architecture import Architecture
from timeglass.network.dropout import drops
from timeglass.train.optimizers import Optimizer
from timeglass.train.solver_settings import Solver

__all__ = ["batch_size_of", "check_epochs", "check_size", "sorted_callbacks", "split_data"]

_MOST_BYTES = 4 * 2**30  # of history
_BYTES_OF_A_LOSS = 16  # in an array, and in the history's list
_BYTES_OF_A_WEIGHT = 32  # itself, its draw, its best value and what the optimiser keeps of it


def check_size(architecture: Architecture, networks: int) -> None:
    """Refuses networks whose weights alone would not fit into the memory."""
    weights = architecture.weight_count
    need = networks * weights * _BYTES_OF_A_WEIGHT
    if need > 4 * _MOST_BYTES:
        raise OptionError(
            f"Sequential: {networks:,} networks of {weights:,} weights would take about {need / 2**30:,.0f} GiB of "
            f"memory, at most {4 * _MOST_BYTES // 2**30} are taken: make do with fewer units or networks"
        )


def check_epochs(epochs: int, networks: int) -> int:
    """The epochs, if a history of them can be kept."""
    need = epochs * (networks * _BYTES_OF_A_LOSS + 32)
    if need > _MOST_BYTES:
        raise OptionError(
            f"epochs: the losses of {epochs:,} epochs of {networks:,} networks alone would take about "
            f"{need / 2**30:,.0f} GiB of memory, a fit takes at most {_MOST_BYTES // 2**30}: train in several fits"
        )
    return epochs


def batch_size_of(batch_size: Any, optimizer: Optimizer | Solver, windows: int) -> int:
    """As asked for, but not more than there are windows: 32 unless told, for a solver all."""
    usual = windows if isinstance(optimizer, Solver) else 32
    return min(whole("batch_size", usual if batch_size is None else batch_size, 1), windows)


def split_data(shape: Shape, data: Data, validation_split: Any, validation_data: Any) -> tuple[Data, Data | None]:
    """The windows to train on, and those to validate on; as in Keras, `validation_data` goes before the split."""
    if not isinstance(validation_split, Real) or not 0 <= float(validation_split) < 1:
        raise OptionError(f"validation_split: expected a share from 0 to below 1, got {validation_split!r}")
    if validation_data is None:
        return data.split(float(validation_split))
    if not isinstance(validation_data, tuple | list) or len(validation_data) not in (2, 3):
        raise OptionError(f"validation_data: expected (x, y) or (x, y, sample_weight), got {_kind(validation_data)}")
    try:
        return data, data_of(shape, *validation_data)
    except (InputError, OptionError, ShapeError) as error:
        raise type(error)(f"validation_data: {error}") from None


def _kind(given: Any) -> str:
    return f"{len(given)} values" if isinstance(given, tuple | list) else f"{type(given).__name__}"


def sorted_callbacks(callbacks: Any, architecture: Architecture) -> tuple[Callbacks, Checkpoint | None]:
    """The callbacks that are told of what happens, and the checkpoint."""
    every = Callbacks(callbacks)
    checkpoints = [callback for callback in every.all if isinstance(callback, Checkpoint)]
    if len(checkpoints) > 1:
        raise OptionError(f"callbacks: expected at most one Checkpoint, got {len(checkpoints)}")
    every.all = [callback for callback in every.all if not isinstance(callback, Checkpoint)]
    if every.want_batches and drops(architecture):
        # Dropout's random numbers go by a window's place in its epoch, which a batch by itself does not know.
        raise OptionError(
            "callbacks: on_train_batch_begin and on_train_batch_end do not go together with dropout: "
            "use on_epoch_begin and on_epoch_end"
        )
    return every, checkpoints[0] if checkpoints else None
