"""The two array types that the signatures name; their shapes stand in docstrings and comments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Floats"]

Array = NDArray[Any]
Floats = NDArray[np.float32]
