"""How far a gradient reaches back in time: the norms of ∂loss/∂h_t and of ∂h_T/∂h_t, and what they say.

Y. Bengio, P. Simard, P. Frasconi, "Learning long-term dependencies with gradient descent is difficult", IEEE
Transactions on Neural Networks 5, 1994; R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent
neural networks", ICML 2013.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from timeglass.explain.differences import state_differences
from timeglass.explain.equations import number
from timeglass.network import chain
from timeglass.show.flow import FlowPicture, flow_svg
from timeglass.show.svg import framed
from timeglass.trace.trace import Trace
from timeglass.types import Array
from timeglass.words import shown

__all__ = ["GradientFlow", "gradient_flow", "state_jacobians"]

# A gradient that is a thousandth, or a thousand times, of what it was at the last step.
_VANISHED, _EXPLODED = 1e-3, 1e3


@dataclass(frozen=True)
class GradientFlow:
    """Of one recurrent layer; step t of T, means over the windows."""

    layer: str
    loss_norms: Array | None  # (T,): |∂loss/∂h_t| with all that flows back into it; None without targets
    state_norms: Array  # (T,): the spectral norm of ∂h_T/∂h_t, 1 at t = T
    loss_differences: Array | None = None  # (T,): loss_norms again, from finite differences; None unless asked for
    go_backwards: bool = False  # then h_T stands for the state of the first step, which came about last

    @property
    def vanished(self) -> int:
        """How many of the first steps have ∂h_T/∂h_t below a thousandth."""
        return int((self.state_norms < _VANISHED).sum())

    @property
    def exploded(self) -> bool:
        """Whether ∂h_T/∂h_t exceeds a thousand somewhere."""
        return bool((self.state_norms > _EXPLODED).any())

    @property
    def verdict(self) -> str:
        """One plain sentence."""
        steps, first = len(self.state_norms), self.state_norms[-1 if self.go_backwards else 0]
        if self.go_backwards and not (self.exploded or self.vanished):
            return (
                f"{self.layer}: the gradient reaches the last of {steps} steps, where it begins, "
                f"{first:.2g} times that of the first"
            )
        if self.exploded:
            grown = f"{self.state_norms.max():.2g}"
            return f"{self.layer}: the gradient explodes: over {steps} steps it grows to {grown} times"
        if self.vanished:
            few = f"{self.vanished} of {steps} steps have less than a thousandth of it"
            return f"{self.layer}: the gradient vanishes: {few}"
        return f"{self.layer}: the gradient reaches the first of {steps} steps, {first:.2g} times that of the last"

    def lines(self) -> list[str]:
        """Step by step, the last one first: each gradient, and its finite difference beside it where there is one."""
        lines = [self.verdict]
        for back in range(1, len(self.state_norms) + 1):
            parts = [f"  step −{back:<4}|∂h_T/∂h_t| {number(self.state_norms[-back], 6):<13}"]
            if self.loss_norms is not None:
                parts.append(f"|∂loss/∂h_t| {number(self.loss_norms[-back], 8):<16}")
            if self.loss_differences is not None:
                parts.append(f"by finite difference {number(self.loss_differences[-back], 8)}")
            lines.append("".join(parts).rstrip())
        return lines

    def picture(self) -> FlowPicture:
        """Both curves and their thresholds: `flow_svg` draws them."""
        losses = None if self.loss_norms is None else tuple(self.loss_norms.tolist())
        verdict = self.verdict.replace(self.layer, shown(self.layer), 1)
        return FlowPicture(shown(self.layer), verdict, tuple(self.state_norms.tolist()), losses, _VANISHED, _EXPLODED)

    def _repr_html_(self) -> str:
        return framed(flow_svg(self.picture()))


def gradient_flow(trace: Trace, layer: str | None = None, *, check: bool = False) -> GradientFlow:
    """Of one recurrent layer of a trace, the first unless named; with the loss's gradient where it had targets.

    `check` puts a finite difference beside each ∂loss/∂h_t: two ways forward for each unit and step.
    """
    index = trace.recurrent(layer)
    node = trace.architecture.layers[index]
    norms = np.linalg.norm(state_jacobians(trace, node.name), ord=2, axis=(-2, -1)).mean(axis=0)
    losses = None
    if trace.losses is not None:
        losses = np.linalg.norm(trace[f"{node.name}.dh"], axis=-1).mean(axis=0)
    checked = np.linalg.norm(state_differences(trace, node.name), axis=-1).mean(axis=0) if check else None
    return GradientFlow(node.name, losses, norms, checked, node.go_backwards)


def state_jacobians(trace: Trace, layer: str | None = None) -> Array:
    """∂h_T/∂h_t (N, T, H, H) for each window and step, rows of h_T, columns of h_t.

    T stands for the last state that came about, which in a layer that goes backwards is the first step's.
    """
    index = trace.recurrent(layer)
    node = trace.architecture.layers[index]
    windows, units = trace.windows, node.units
    # Each window and each unit of h_T has a network of its own, so that all derivatives come from one way back.
    copies = np.repeat(trace.weight_row[None], windows * units, axis=0)
    alone = np.repeat(trace["x"], units, axis=0)[:, None]
    values = chain.forward(trace.architecture, copies, alone)
    dh = np.tile(np.eye(units), (windows, 1))[:, None]  # (N · H, 1, H)
    found = chain.state_backward(trace.architecture, index, copies, values, dh)[:, :, 0]  # (T, N · H, H)
    found = found[::-1] if node.go_backwards else found
    return np.moveaxis(found.reshape(node.time_steps, windows, units, units), 0, 1)
