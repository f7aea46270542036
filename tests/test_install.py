"""Installing without a compiler: the package still installs, runs on NumPy, and says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip makes of this tree where every compiler fails."""
    folder = tmp_path_factory.mktemp("install")
    source = folder / "source"
    # A library that was built into the tree is left out: it would be packed as it is.
    left_out = shutil.ignore_patterns(".git", ".venv", "build", "__pycache__", "golden", "libtimeglass*")
    shutil.copytree(ROOT, source, ignore=left_out)
    environment = {**os.environ, "CXX": "/nonexistent/compiler", "CC": "/nonexistent/compiler"}
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(source)]
    subprocess.run(command, check=True, env=environment, capture_output=True)
    (made,) = folder.glob("*.whl")
    return made


def test_the_wheel_holds_no_library_and_fits_every_machine(wheel: Path) -> None:
    assert wheel.name == "timeglass-0.1.0-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    assert not [name for name in names if "libtimeglass" in name]
    assert "timeglass/series/data/sunspots.csv" in names
    assert "timeglass/py.typed" in names


def test_it_runs_on_numpy_and_says_why(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)

    def run(*arguments: str) -> dict[str, object]:
        command = [sys.executable, "-m", "timeglass.cli.main", *arguments, "--json"]
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "TIMEGLASS_KERNEL": ""}
        done = subprocess.run(command, check=True, env=environment, cwd=tmp_path, capture_output=True, text=True)
        return json.loads(done.stdout)

    facts = run("info")
    assert facts["engine"] == "numpy"
    assert "no C++ compiler was found, or it failed, when it was installed" in str(facts["reason"])
    job = run("sunspots", "--no-plot", "--networks", "2", "--epochs", "2")
    assert job["engine"] == "numpy"
    assert job["rmse"]["test"]["median"] == pytest.approx(0.11655, abs=0.00005)  # type: ignore[index]
