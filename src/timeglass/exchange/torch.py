"""Networks from torch and to torch.

    from_torch(module or state dict, time_steps=T)  ->  Sequential
    to_torch(model)                                 ->  torch.nn.Module

torch's layers and ours have the same equations (`torch_weights` says how the weights stand). torch is not loaded until
it is needed: reading a state dict of NumPy arrays does not.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from timeglass.errors import DataError, EngineError, InputError, OptionError
from timeglass.exchange.chain_of_layers import Piece, sequential_of, with_sequences
from timeglass.exchange.compare import check_same
from timeglass.exchange.torch_read import module_pieces, state_pieces, with_activations
from timeglass.model.checks import flag, one_of, whole
from timeglass.model.sequential import Sequential
from timeglass.network.layers import Bidirectional, Dense, Recurrent
from timeglass.types import Array, Floats

__all__ = ["from_torch", "to_torch"]

_REMEDY = (
    "write what else it computes as layers of its own (nn.Tanh after an nn.Linear, say), give `activations` for "
    "functions that it applies to its Linear layers, `order` for another order of its layers, or "
    "return_sequences as it is there"
)


def from_torch(
    source: Any,
    *,
    time_steps: int,
    return_sequences: bool = False,
    activation: str | None = None,
    activations: Mapping[str, str] | None = None,
    order: Sequence[str] | None = None,
) -> Sequential:
    """The network that a torch module computes, or that the weights of a state dict stand for.

    `source` is a module made of nn.RNN, GRU, LSTM (of any number of layers, one way or both, with or without bias),
    nn.Linear, nn.Dropout and activations, in the order of its children; or a mapping of names to tensors or NumPy
    arrays. To read a file, load it yourself: `torch.load(path, weights_only=True)`, or with safetensors.

    Windows have `time_steps` steps T, and features as the first layer has. The layer after the last recurrent one reads
    that one's last state, or with `return_sequences` the states of all steps. The last state of a layer that goes both
    ways is that of each direction at its own end, torch's h_n; `output[:, -1]` would be another thing.

    **A module** is run on a few windows, without gradients and in evaluation mode, and left as it was: where it
    gives anything but what its layers give in a row, that is an error. **A state dict** holds no equations, so they are
    assumed: `activation` for an nn.RNN ("tanh" unless told), none for the Linear layers, Dropout nowhere. In both cases
    `activations` gives those that a forward applies to its Linear layers, {"head": "tanh"}, and `order` the names of
    the layers, where they are not used in the order in which they stand (safetensors sorts them by name).

    Weights become float32; a float64 one is rounded. torch's two biases of an RNN or LSTM are added, and their sum is
    rounded once. A `DataError` names what has no counterpart: proj_size, other layers, shared weights, weights that are
    not finite.

    >>> weights = {"weight_ih_l0": np.ones((3, 1)), "weight_hh_l0": np.zeros((3, 3))}
    >>> model = from_torch(weights, time_steps=4, activation="relu")
    >>> model.layers[0].activation, model.predict([[[0.0], [0.0], [0.0], [2.0]]]).tolist()
    ('relu', [[2.0, 2.0, 2.0]])
    """
    steps, sequences = (
        whole("from_torch time_steps", time_steps, 1),
        flag("from_torch return_sequences", return_sequences),
    )
    if isinstance(source, Mapping):
        known = one_of("from_torch activation", activation, (None, "tanh", "relu")) or "tanh"
        pieces = state_pieces(source, known, order)
        if order is None:
            _check_order(pieces)
        return _network("from_torch", pieces, steps, sequences, activations)
    if not (hasattr(source, "_modules") and hasattr(source, "named_parameters")):
        raise OptionError(f"from_torch source: expected a torch module or a state dict, got {type(source).__name__}")
    if activation is not None:
        raise OptionError("from_torch activation: a module's nn.RNN has its own: leave it out, or give a state dict")
    if type(source).__module__ == "timeglass.exchange.torch_network":  # one that to_torch made
        return _back(source, steps, sequences, activations, order)
    name = f"from_torch: {type(source).__name__}"
    model = _network(name, module_pieces(source, order), steps, sequences, activations)
    _check(model, source, name, sequences)
    return model


def _check_order(pieces: Sequence[Piece]) -> None:
    """A state dict that was sorted by name, as safetensors sorts it, may have its head before what it stands on."""
    recurrent = [i for i, piece in enumerate(pieces) if isinstance(piece.layer, Recurrent | Bidirectional)]
    before = [piece for piece in pieces[: recurrent[-1]] if isinstance(piece.layer, Dense)] if recurrent else []
    if before:
        raise DataError(
            f"from_torch: {before[0].where} is a Linear layer before a recurrent one; some ways to keep a state dict "
            "sort it by name: give `order`, the names of the layers in the order in which they are used"
        )


def _check(model: Sequential, source: Any, where: str, sequences: bool) -> None:
    """A `DataError` unless the module gives the model's forecasts, each time that it is asked. It is left as it was."""
    twin = copy.deepcopy(source)

    def run(x: Floats) -> Array:
        first, again = (_run(twin, x, where, sequences) for _ in range(2))
        if not np.array_equal(first, again, equal_nan=True):
            raise DataError(f"{where}: its forward keeps a state from call to call, which Timeglass's networks do not")
        return first

    with _quietly(twin):
        check_same(model, run, where, _remedy(model))


def _network(
    where: str, pieces: Sequence[Piece], steps: int, sequences: bool, activations: Mapping[str, str] | None
) -> Sequential:
    first = next((piece for piece in pieces if piece.arrays), None)
    if first is None:
        raise DataError(f"{where}: none of its layers has weights")
    if not sequences and not any(isinstance(piece.layer, Recurrent | Bidirectional) for piece in pieces):
        raise OptionError(
            f"{where} has no recurrent layer, so it gives a value for each step: set return_sequences=True"
        )
    own = with_activations(with_sequences(pieces, sequences), activations or {})
    return sequential_of(where, own, time_steps=steps, features=len(first.arrays[0]))


def _back(source: Any, steps: int, sequences: bool, activations: Any, order: Any) -> Sequential:
    """A network that went to torch, with the weights that it has there now."""
    try:
        model: Sequential = source.to_sequential()
    except (KeyError, AttributeError, InputError) as error:
        raise DataError(
            f"from_torch: this module came from to_torch, and other layers were put in place of its own ({error}): "
            "give its state dict, or a module of torch's layers"
        ) from None
    if steps != model.architecture.time_steps or activations is not None or order is not None:
        raise OptionError(
            f"from_torch: this module came from to_torch, for {model.architecture.time_steps} time steps, and knows "
            "its layers: give that time_steps, and neither activations nor order"
        )
    if sequences != model.architecture.layers[-1].gives_sequence:
        raise OptionError(
            f"from_torch return_sequences: this module came from to_torch with {not sequences}: give that"
        )
    _check(model, source, "from_torch: this module came from to_torch, but", sequences)
    return model


def _remedy(model: Sequential) -> str:
    pair = any(isinstance(layer, Bidirectional) for layer in model.layers)
    both = "; of a layer that goes both ways, output[:, -1] is not its last state: take h_n" if pair else ""
    return _REMEDY + both


@contextlib.contextmanager
def _quietly(module: Any) -> Iterator[None]:
    """Evaluation mode inside, and afterwards each part's own again; no gradients, no random number used up."""
    import torch  # whoever has a module has it

    modes = [(one, one.training) for one in module.modules()]
    try:
        module.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            yield
    finally:
        for one, training in modes:
            one.training = training


def _run(module: Any, x: Floats, where: str, sequences: bool) -> Array:
    """What the module gives for windows x (N, T, F), in our order of axes."""
    import torch

    recurrent = [one for one in module.modules() if isinstance(one, torch.nn.RNNBase)]
    first = next(module.parameters())
    leading = bool(recurrent) and not recurrent[0].batch_first
    windows = np.ascontiguousarray(np.swapaxes(x, 0, 1)) if leading else x
    try:
        given = module(torch.from_numpy(windows).to(device=first.device, dtype=first.dtype))
    except Exception as error:
        raise DataError(
            f"{where} fails on windows {windows.shape}: {type(error).__name__}: {error}; {_REMEDY}"
        ) from None
    if recurrent and recurrent[0] is module:
        given = given[0] if sequences else _last_states(module, given[1])
    given = given[0] if isinstance(given, tuple) and given else given
    if not isinstance(given, torch.Tensor):
        raise DataError(
            f"{where}: its forward gives {type(given).__name__}: expected a tensor, or a tuple that begins so"
        )
    numbers: Array = given.double().cpu().numpy()
    # N is no T, so the axes tell which is which.
    turned = numbers.ndim >= 2 and numbers.shape[:2] == (x.shape[1], x.shape[0])
    return np.swapaxes(numbers, 0, 1) if turned and sequences else numbers


def _last_states(module: Any, state: Any) -> Any:
    """(N, H) or (N, 2H): h_n of the last layer of an nn.RNN, GRU or LSTM."""
    h = state[0] if isinstance(state, tuple) else state
    directions = 2 if module.bidirectional else 1
    return h[-directions:].movedim(0, 1).flatten(1)


def to_torch(model: Sequential, *, network: int = 0) -> Any:
    """The network as a `torch.nn.Module` with its weights, whose forward gives what `predict` gives.

    It takes windows (N, T, F) and gives (N, K), or (N, T, K) where the network gives sequences. Its parts are torch's
    nn.RNN, GRU, LSTM and Linear under the layers' names; what torch has no layer for (reset_after=False, other
    activations, masked steps, recurrent_dropout) is written out in torch's operations, its weights named as those of
    torch's cells. The module is in evaluation mode; in training mode (`train()`) dropout acts.

    `from_torch` gives the network back, with whatever weights the module has by then. An `EngineError` where torch is
    not installed.

    >>> from timeglass.network.layers import GRU, Dense
    >>> module = to_torch(Sequential([GRU(2, input_shape=(3, 1)), Dense(1)], seed=0))
    >>> [name for name in module.state_dict()][-2:]
    ['dense.weight', 'dense.bias']
    """
    if whole("to_torch network", network, 0) >= model.networks:
        raise OptionError(f"to_torch network: expected 0 to {model.networks - 1}, got {network}")
    try:
        from timeglass.exchange.torch_network import torch_network  # torch takes seconds to load, and may be missing
    except ImportError as error:
        raise EngineError(f"to_torch: torch is not installed ({error}); run: pip install 'timeglass[torch]'") from None
    return torch_network(model, network)
