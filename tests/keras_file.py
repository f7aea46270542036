"""A `.keras` file for the tests, its parts, and the same changed: of Keras 3.5, made by tools/record_keras_file.py."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from timeglass import DataError
from timeglass.exchange.keras import from_keras


def _tool() -> Any:
    """tools/record_keras_file.py, which is no package."""
    path = Path(__file__).resolve().parents[1] / "tools" / "record_keras_file.py"
    spec = importlib.util.spec_from_file_location("record_keras_file", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


record = _tool()
GOLDEN: Path = record.GOLDEN
with zipfile.ZipFile(GOLDEN) as _archive:
    PARTS = {name: _archive.read(name) for name in _archive.namelist()}
WEIGHTS = PARTS["model.weights.h5"]

Parts = dict[str, bytes]
Change = Callable[[dict[str, Any]], object]


def packed(parts: Parts, compression: int = zipfile.ZIP_STORED) -> bytes:
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def layer(config: dict[str, Any], name: str) -> dict[str, Any]:
    return next(one for one in config["config"]["layers"] if one["name"] == name)


def bent(change: Change) -> bytes:
    """The file with its configuration changed."""
    config = json.loads(PARTS["config.json"])
    change(config)
    return packed(PARTS | {"config.json": json.dumps(config).encode()})


def refusal_of(data: bytes, path: Path) -> str:
    """The one line with which a file of these bytes is refused, without its name."""
    path.write_bytes(data)
    with pytest.raises(DataError) as caught:
        from_keras(path, engine="numpy")
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(str(path))
    return message.removeprefix(str(path)).lstrip(": ")
