"""Fixtures that several test files share."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Keras shall run on JAX, on the processor, in every test process.
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def timeglass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """`timeglass` with these arguments in `tmp_path`, in this process: for what a new one would start for in vain."""
    from timeglass.cli.main import main

    monkeypatch.delenv("COLUMNS", raising=False)  # other packages set it; a test that wants it does so after this

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["timeglass", *arguments])
        with monkeypatch.context() as here:
            here.chdir(tmp_path)
            with pytest.raises(SystemExit) as end:
                main()
        said, code = capsys.readouterr(), end.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess(arguments, code, said.out, said.err)

    return run
