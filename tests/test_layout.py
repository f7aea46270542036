"""The shape of the package: rooms import downwards only, names are exported, and a bare import stays light."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import timeglass

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "timeglass"

# From the top down: a room may import itself and what stands below it.
ROOMS = [
    "__main__",
    "cli",
    "tutorial",
    "forecast",
    "exchange",
    "explain",
    "evaluate",
    "model",
    "trace",
    "show",
    "train",
    "network",
    "cells",
    "prepare",
    "datasets",
    "read",
    "series",
    "dates",
    "kernel",
    "files",
    "errors",
    "words",
    "types",
]
# The kernel's library looks like an extension module to pkgutil; it is none.
MODULES = [m.name for m in pkgutil.walk_packages(timeglass.__path__, "timeglass.") if "libtimeglass" not in m.name]


def imported_rooms(path: Path) -> set[str]:
    """The rooms that a source file imports."""
    rooms = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        rooms |= {name.split(".")[1] for name in names if name.startswith("timeglass.")}
    return rooms


def upward(path: Path) -> set[str]:
    """The rooms above a file's own that it imports."""
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return {other for other in imported_rooms(path) if ROOMS.index(other) < ROOMS.index(room)}


@pytest.mark.parametrize(
    "path",
    [path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_imports_point_downwards(path: Path) -> None:
    assert upward(path) == set()


def test_an_upward_import_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "cells").mkdir()
    bad = tmp_path / "cells" / "bad.py"
    bad.write_text("from timeglass.train.losses import LOSSES\nimport timeglass.errors\n")
    assert upward(bad) == {"train"}


def test_every_room_has_its_place() -> None:
    found = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    assert found - {"__init__"} == set(ROOMS)


@pytest.mark.parametrize("name", MODULES)
def test_all_lists_what_a_module_offers(name: str) -> None:
    module = importlib.import_module(name)
    if name.count(".") == 1 and hasattr(module, "__path__") and not hasattr(module, "__all__"):
        return  # a room that re-exports nothing
    own = {
        key
        for key, value in vars(module).items()
        if not key.startswith("_") and getattr(value, "__module__", None) == name
    }
    assert own <= set(module.__all__), "public, but not in __all__"
    assert all(hasattr(module, key) for key in module.__all__)
    assert list(module.__all__) == sorted(
        module.__all__, key=lambda key: (not key.isupper(), not key[0].isupper(), key)
    )


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_import_loads_numpy_and_nothing_heavier() -> None:
    code = (
        "import numpy, ctypes, sys; before = set(sys.modules); import timeglass; "
        "print(sorted({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names)))"
    )
    assert set(ast.literal_eval(run(code))) <= {"numpy", "timeglass"}


def test_import_leaves_denormals_alone() -> None:
    code = (
        "import timeglass as tg; m = tg.Sequential([tg.SimpleRNN(3, input_shape=(4, 1)), tg.Dense(1)], seed=0); "
        "m.compile('adam', 'mse'); m.fit([[[1.0]] * 4], [1.0], epochs=1); import numpy as np; "
        "print(1e-310 * 1.0 != 0, np.float32(1e-40) * np.float32(1.0) != 0, float('nan') != float('nan'))"
    )
    assert run(code) == "True True True"


def test_the_public_names_are_these() -> None:
    assert set(timeglass.__all__) == {
        "Bidirectional", "Dense", "Dropout", "GRU", "Input", "LSTM", "LinearSkip", "Masking", "SimpleRNN", "Sequential",
        "SGD", "RMSprop", "Adam", "AdamW", "LevenbergMarquardt", "LBFGS", "CosineDecay", "ExponentialDecay", "OneCycle",
        "MeanSquaredError", "MeanAbsoluteError", "Huber", "LogCosh", "Quantile", "GaussianLikelihood",
        "Callback", "Checkpoint", "EarlyStopping", "History", "LambdaCallback", "ReduceLROnPlateau",
        "DataError", "DivergenceError", "EngineError", "EngineWarning", "InputError", "OptionError", "ShapeError",
        "TimeglassError", "__version__", "load_model",
    }  # fmt: skip


def test_no_source_file_is_longer_than_four_hundred_lines() -> None:
    sources = [*PACKAGE.rglob("*.py"), *(ROOT / "csrc").iterdir(), *(ROOT / "tests").glob("*.py")]
    long = {path.name: count for path in sources if (count := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert long == {}


def test_no_build_uses_fast_math() -> None:
    flags = [line for line in (ROOT / "CMakeLists.txt").read_text().splitlines() if not line.lstrip().startswith("#")]
    assert not [line for line in flags if "fast-math" in line or "Ofast" in line]
