"""What looks into a fit on its way, with Keras's names: a `Callback` is told of each epoch, or of each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from timeglass.errors import OptionError
from timeglass.types import Array

if TYPE_CHECKING:
    from timeglass.model.sequential import Sequential

__all__ = ["Callback", "CallbackStates", "Callbacks", "LambdaCallback", "Logs"]

# What an epoch or batch came to, by name: a number, or an array (L,) where L > 1 networks are trained.
Logs = dict[str, Any]

# By callback, then by name: what callbacks keep from epoch to epoch.
CallbackStates = dict[str, dict[str, Array]]

_BATCH_METHODS = ("on_train_batch_begin", "on_train_batch_end")


class Callback:
    """The base of all callbacks: override what you need. Numbers of epochs and batches count from 0.

    `self.model` is the network in training, and `self.params` holds `epochs`, `steps` (batches of an epoch) and
    `metrics` (the names that the logs will have).
    `self.model.stop_training = True` ends the fit after the epoch; an array (L,) ends it for some of L networks.

    `logs` holds "loss", with validation "val_loss", and "learning_rate" where that changes: a number each, or an array
    (L,) where L > 1, nan for a network that has stopped. What a callback adds to it stands in the history.
    A callback for batches has every batch trained by a call of its own, which takes longer and changes no result.

    >>> class Print(Callback):
    ...     def on_epoch_end(self, epoch, logs=None):
    ...         print(epoch, round(logs["loss"], 3))
    """

    model: Sequential
    params: dict[str, Any]

    def set_model(self, model: Sequential) -> None:
        """Called first: the network in training."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Called before the fit begins: `epochs`, `steps` and `metrics`."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch, with its logs; not after an error or an interruption."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before each epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After each epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before each batch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After each batch; "loss" is the epoch's mean so far."""

    def get_state(self) -> dict[str, Array]:
        """What a `Checkpoint` keeps of this callback, so that a resumed fit goes on as if never stopped.

        Arrays of numbers by name, whose types and shapes are the same from `on_train_begin` on; one whose first axis
        is empty then may grow along it.
        """
        return {}

    def set_state(self, state: dict[str, Array]) -> None:
        """Takes what `get_state` gave; called after `on_train_begin` when a fit is resumed."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class LambdaCallback(Callback):
    """A callback made of functions.

    >>> seen = []
    >>> each = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["loss"]))
    >>> each.on_epoch_end(0, {"loss": 0.25})
    >>> seen
    [0.25]
    """

    def __init__(
        self,
        on_epoch_begin: Callable[[int, Logs], Any] | None = None,
        on_epoch_end: Callable[[int, Logs], Any] | None = None,
        on_train_begin: Callable[[Logs], Any] | None = None,
        on_train_end: Callable[[Logs], Any] | None = None,
        on_train_batch_begin: Callable[[int, Logs], Any] | None = None,
        on_train_batch_end: Callable[[int, Logs], Any] | None = None,
    ) -> None:
        given = {name: function for name, function in locals().items() if name.startswith("on_") and function}
        for name, function in given.items():
            if not callable(function):
                raise OptionError(f"LambdaCallback {name}: expected a function, got {function!r}")
            setattr(self, name, function)


class Callbacks:
    """All callbacks of one fit, told in the order in which they were given."""

    def __init__(self, callbacks: Iterable[Callback] | Callback | None) -> None:
        given = [callbacks] if isinstance(callbacks, Callback) else callbacks
        try:
            self.all = list(given or ())
        except TypeError:
            raise OptionError(f"callbacks: expected a list of callbacks, got {callbacks!r}") from None
        for callback in self.all:
            if not isinstance(callback, Callback):
                hint = ": write its parentheses" if isinstance(callback, type) else ""
                raise OptionError(f"callbacks: expected objects of timeglass.Callback, got {callback!r}{hint}")

    def begin(self, model: Sequential, params: dict[str, Any]) -> None:
        """Makes model and settings known, then tells that training begins."""
        for callback in self.all:
            callback.set_model(model)
            callback.set_params(dict(params))
        self.tell("on_train_begin", {})

    def tell(self, method: str, *arguments: Any) -> None:
        """Calls that method of each."""
        for callback in self.all:
            getattr(callback, method)(*arguments)

    @property
    def want_batches(self) -> bool:
        """Whether one of them overrides a method for batches."""
        return any(_overrides(callback, name) for callback in self.all for name in _BATCH_METHODS)

    @property
    def want_epochs(self) -> bool:
        """Whether one of them overrides a method for epochs or batches."""
        return bool(self.names_for_epochs())

    def names_for_epochs(self) -> list[str]:
        """The classes of those that do."""
        names = ("on_epoch_begin", "on_epoch_end", *_BATCH_METHODS)
        return [type(one).__name__ for one in self.all if any(_overrides(one, name) for name in names)]

    def with_state(self) -> dict[str, Callback]:
        """Those that keep something from epoch to epoch, by a name of their own."""
        keeping = [callback for callback in self.all if callback.get_state()]
        return {f"{type(callback).__name__} {i}": callback for i, callback in enumerate(keeping)}

    def get_states(self) -> CallbackStates:
        """What each of them keeps."""
        return {key: callback.get_state() for key, callback in self.with_state().items()}

    def set_states(self, states: CallbackStates) -> None:
        """Gives each what it kept."""
        for key, callback in self.with_state().items():
            callback.set_state(states[key])


def _overrides(callback: Callback, name: str) -> bool:
    return getattr(getattr(callback, name), "__func__", None) is not getattr(Callback, name)
