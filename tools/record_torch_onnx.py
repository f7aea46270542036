"""Records the ONNX files that torch's newer exporter writes of the modules below, into tests/golden/torch_onnx.npz.

Run it from the checkout, with torch, onnx and onnxscript installed, when torch changes what it writes:

    PYTHONPATH=tests python tools/record_torch_onnx.py

For each module: the file (as bytes, without the names of source files that the exporter notes in it), windows, and the
module's forecasts for them. tests/test_exchange_onnx.py reads them, so that it takes neither onnxscript nor its time.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch_modules import MODULES, exported

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden" / "torch_onnx.npz"


def without_notes(path: Path) -> bytes:
    """The file's bytes, without where in which source file each operator comes from."""
    proto = onnx.load(path)
    proto.doc_string = proto.graph.doc_string = ""
    for part in (proto, proto.graph, *proto.graph.node, *proto.graph.value_info, *proto.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]
    return proto.SerializeToString()


def main() -> None:
    """Writes the record."""
    arrays = {}
    for name, make in MODULES.items():
        torch.manual_seed(3)
        module = make()
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            path = Path(folder) / "model.onnx"
            exported(module, path, dynamo=True)
            arrays[f"{name}: file"] = np.frombuffer(without_notes(path), dtype=np.uint8)
        x = np.random.default_rng(1).uniform(-1, 1, (4, 5, 2)).astype(np.float32)
        arrays[f"{name}: forecast"] = module.forecast(x)
    np.savez_compressed(GOLDEN, **arrays)
    print(f"{GOLDEN.name}: {len(MODULES)} files of torch {torch.__version__}, {GOLDEN.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
