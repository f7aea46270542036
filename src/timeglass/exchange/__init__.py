"""Other libraries' networks as ours, and ours as theirs: Keras, torch, ONNX.

None of them is loaded before a network of its own is made or read.
"""

from timeglass.exchange.keras import from_keras, to_keras
from timeglass.exchange.onnx_read import from_onnx
from timeglass.exchange.onnx_write import to_onnx
from timeglass.exchange.torch import from_torch, to_torch

__all__ = ["from_keras", "from_onnx", "from_torch", "to_keras", "to_onnx", "to_torch"]
