"""Marks the tests that run other libraries, and skips them where those are not installed."""

from __future__ import annotations

import importlib.util
import os

import pytest

# Most of the time here is JAX's compiling: quickly rather than well. It is read when JAX is first imported.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

_MISSING = [name for name in ("keras", "jax") if importlib.util.find_spec(name) is None]

live_keras = pytest.mark.skipif(
    bool(_MISSING), reason=f"{' and '.join(_MISSING)} not installed: run pip install 'timeglass[keras]'"
)
live_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch not installed")
