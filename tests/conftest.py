"""Fixtures that several test files share."""

from __future__ import annotations

import os

# Keras shall run on JAX, on the processor, in every test process.
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
