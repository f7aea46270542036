"""The small part of writing an ONNX graph that we need: values by name, operators, constants, activations."""

from __future__ import annotations

from typing import Any

import numpy as np

from timeglass.errors import EngineError
from timeglass.types import Array

__all__ = ["GraphWriter", "onnx_library"]


def onnx_library(call: str) -> Any:
    """The module `onnx`; an `EngineError` says how to get it where it is missing."""
    try:
        import onnx  # an optional extra
        import onnx.checker
        import onnx.helper
        import onnx.numpy_helper
    except ImportError as error:
        raise EngineError(f"{call}: onnx is not installed ({error}); run: pip install 'timeglass[onnx]'") from None
    return onnx


# Operators of one input for the activations, with their attributes; linear has none, swish two.
_ACTIVATIONS: dict[str, tuple[str, dict[str, float]]] = {
    "tanh": ("Tanh", {}),
    "sigmoid": ("Sigmoid", {}),
    "relu": ("Relu", {}),
    "hard_sigmoid": ("HardSigmoid", {"alpha": 1 / 6, "beta": 0.5}),
    "leaky_relu": ("LeakyRelu", {"alpha": 0.2}),
    "elu": ("Elu", {"alpha": 1.0}),
    "selu": ("Selu", {}),
    "softplus": ("Softplus", {}),
    "softsign": ("Softsign", {}),
}


class GraphWriter:
    """The operators so far. Each method gives the name of the value that it makes.

    A graph inside a graph, the body of a Scan, shares `initializers` with the one around it, whose values it may read.
    """

    def __init__(self, onnx: Any, prefix: str = "", around: GraphWriter | None = None) -> None:
        self.onnx = onnx
        self.nodes: list[Any] = []
        self.initializers: dict[str, Array] = around.initializers if around else {}
        self._prefix = prefix

    def inside(self, prefix: str) -> GraphWriter:
        """A graph for the inside of this one."""
        return GraphWriter(self.onnx, prefix, self)

    def constant(self, name: str, values: Any) -> str:
        """An array that the file holds, under this very name."""
        array = np.ascontiguousarray(values)
        assert array.tobytes() == self.initializers.get(name, array).tobytes()
        self.initializers[name] = array
        return name

    def whole(self, *numbers: int) -> str:
        """A vector of whole numbers: axes, shapes, places. One for all who ask for it."""
        return self.constant("int:" + ",".join(map(str, numbers)), np.array(numbers, dtype=np.int64))

    def number(self, value: float) -> str:
        """A single float32."""
        return self.constant(f"float:{value!r}", np.float32(value))

    def several(self, operator: str, inputs: list[str], outputs: list[str], **attributes: Any) -> list[str]:
        """An operator with these outputs."""
        outputs = [output and self._prefix + output for output in outputs]
        made = self.onnx.helper.make_node(operator, inputs, outputs, name=next(filter(None, outputs)), **attributes)
        self.nodes.append(made)
        return outputs

    def add(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        """An operator with one output of this name."""
        return self.several(operator, inputs, [name], **attributes)[0]

    def affine(self, x: str, kernel: str, bias: str | None, name: str) -> str:
        """X · kernel + bias."""
        product = self.add("MatMul", [x, kernel], name if bias is None else f"{name}/product")
        return product if bias is None else self.add("Add", [product, bias], name)

    def activation(self, z: str, which: str, name: str) -> str:
        """f(z)."""
        if which == "linear":
            return z
        if which == "swish":
            return self.add("Mul", [z, self.add("Sigmoid", [z], f"{name}/gate")], name)
        operator, attributes = _ACTIVATIONS[which]
        return self.add(operator, [z], name, **attributes)
