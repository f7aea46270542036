"""Saving when something goes wrong: whatever it is and whenever, the old file stands there or the new one."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quick import one_in

from timeglass import Dense, Input, OptionError, Sequential, load_model
from timeglass.files import write_whole
from timeglass.model.saving import model_bytes

each_ending = pytest.mark.parametrize("ending", [".safetensors", ".json"])


def model(seed: int, units: int = 2) -> Sequential:
    return Sequential([Input((1, 2)), Dense(units)], seed=seed)


OLD, NEW = model(1), model(2)


# ---- the N-th operation fails


class Faults:
    """Has one operation on files fail, the N-th: before it is done, or when it is done; a write is then half done."""

    def __init__(self, nth: int, error: BaseException, when: str) -> None:
        self.nth, self.error, self.when = nth, error, when
        self.count = 0

    def run(self, operation: Callable, *arguments: Any, **options: Any) -> Any:
        self.count += 1
        if self.count != self.nth:
            return operation(*arguments, **options)
        if self.when == "after":
            made = operation(*arguments, **options)
            if operation is OPERATIONS["open"]:
                OPERATIONS["close"](made)
        raise self.error

    def open_file(self, file: Any, mode: str = "r", *rest: Any, **more: Any) -> Any:
        self.run(lambda: None)
        return FaultyFile(self, io.FileIO(file, mode.replace("b", "")))


class FaultyFile(io.BufferedWriter):
    def __init__(self, faults: Faults, file: io.FileIO) -> None:
        super().__init__(file)
        self.faults = faults

    def write(self, content: bytes) -> int:
        faults, whole = self.faults, super().write

        def half(content: bytes) -> int:
            return whole(content[: len(content) // 2])

        last = faults.count + 1 == faults.nth
        return faults.run(half if last else whole, content)


OPERATIONS = {
    name: getattr(os, name)
    for name in ("open", "close", "stat", "lstat", "access", "chmod", "replace", "unlink", "scandir")
} | {"fsync": os.fstat}  # a disk takes its time, and the loops below ask it hundreds of times


@contextlib.contextmanager
def failing(faults: Faults) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, operation in OPERATIONS.items():
            patch.setattr(os, name, lambda *a, _operation=operation, **b: faults.run(_operation, *a, **b))
        patch.setattr(io, "open", faults.open_file)
        yield


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("old", [True, False], ids=["old file", "no file"])
@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), OptionError),
        (OSError(errno.EIO, "Input/output error"), OptionError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (MemoryError(), MemoryError),
    ],
    ids=["no space", "input/output", "Ctrl-C", "no memory"],
)
@each_ending
def test_whichever_operation_fails_the_old_file_stands_there_or_the_new_one(tmp_path, error, raised, old, when, ending):
    path, contents = tmp_path / f"m{ending}", {model_bytes(OLD, ending), model_bytes(NEW, ending)}
    seen, nth = set(), 0
    while True:
        nth += 1
        path.unlink(missing_ok=True)
        if old:
            path.write_bytes(model_bytes(OLD, ending))
        faults = Faults(nth, error, when)
        try:
            with failing(faults):
                NEW.save(path)
        except raised as caught:
            seen.add(str(caught))
        if faults.count < nth:
            break  # it did not come to so many
        assert list(tmp_path.iterdir()) in ([path], [path] if old else [])
        if path.exists():
            assert path.read_bytes() in contents
            assert load_model(path).layers == NEW.layers
    assert 10 < nth < 60
    assert path.read_bytes() == model_bytes(NEW, ending)
    if raised is OptionError:
        assert all(words.startswith(f"{path}: cannot be written ({error.strerror}); ") for words in seen)
    assert seen


def test_the_order_in_which_it_is_done(tmp_path):
    """Written, brought to the disk, put in place, and the folder brought to the disk: else a power cut loses both."""
    said, path = [], tmp_path / "m.json"
    with pytest.MonkeyPatch.context() as patch:
        for name, operation in {"fsync": os.fsync, "replace": os.replace}.items():

            def noted(*given: Any, _name: str = name, _operation: Callable = operation) -> None:
                _operation(*given)
                folder = _name == "fsync" and stat.S_ISDIR(os.fstat(given[0]).st_mode)
                said.append(f"{_name} the folder" if folder else _name)

            patch.setattr(os, name, noted)
        NEW.save(path)
    assert said == ["fsync", "replace", "fsync the folder"]


def test_a_folder_that_cannot_be_synced_is_no_fault(tmp_path, monkeypatch):
    """Some file systems say so of every folder."""

    def sync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", sync)
    NEW.save(tmp_path / "m.json")
    assert load_model(tmp_path / "m.json").layers == NEW.layers


# ---- what stands there already


def test_permissions_are_kept_and_new_files_have_the_usual_ones(tmp_path):
    path, plain = tmp_path / "m.json", tmp_path / "plain"
    plain.write_text("")
    OLD.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    for mode in (0o600, 0o666, 0o640):
        path.chmod(mode)
        seen = []
        write_whole(path, lambda part, seen=seen: (seen.append(stat.S_IMODE(part.stat().st_mode)), part.touch()))
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert seen[0] & ~mode == 0  # at no moment may anyone read it who may not in the end
    NEW.save(path)
    assert path.read_bytes() == model_bytes(NEW, ".json")


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path):
    path = tmp_path / "m.json"
    OLD.save(path)
    path.chmod(0o444)
    with pytest.raises(OptionError, match=r"m\.json: may not be written: choose another name, or allow it"):
        NEW.save(path)
    assert path.read_bytes() == model_bytes(OLD, ".json")
    assert list(tmp_path.iterdir()) == [path]


def test_links_are_followed(tmp_path):
    """As opening a file does: the link stays, and what it leads to is written, whole."""
    (tmp_path / "models").mkdir()
    link, target = tmp_path / "latest.json", tmp_path / "models" / "a.json"
    link.symlink_to("models/a.json")
    for each in (OLD, NEW):  # where there is nothing yet, and where there is something
        each.save(link)
        assert link.is_symlink()
        assert target.read_bytes() == model_bytes(each, ".json")
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["a.json", "latest.json", "models"]
    link.unlink()
    link.symlink_to(link)
    with pytest.raises(OptionError, match="Too many levels of symbolic links"):
        NEW.save(link)


def test_what_is_no_file_is_not_replaced(tmp_path):
    pipe, folder = tmp_path / "pipe.json", tmp_path / "folder.json"
    os.mkfifo(pipe)
    folder.mkdir()
    (tmp_path / "null.json").symlink_to("/dev/null")
    for path, words in {
        pipe: "pipe.json: is not a regular file, and would be replaced by one: choose another name",
        folder: "folder.json: is a folder: give the name of a file",
        tmp_path / "null.json": "/dev/null: is not a regular file, and would be replaced by one: choose another name",
        tmp_path / "no" / "m.json": f"cannot be written (there is no folder {tmp_path / 'no'}); make it first",
        pipe / "m.json": f"cannot be written (there is no folder {pipe}); make it first",
        tmp_path / "a\0.json": "cannot be written (",
        tmp_path / f"{'x' * 300}.json": "cannot be written (File name too long); choose another folder or name",
    }.items():
        with pytest.raises(OptionError, match=re.escape(words)):
            NEW.save(path)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert {entry.name for entry in tmp_path.iterdir()} == {"pipe.json", "folder.json", "null.json"}


# ---- real ends: in a process of its own, which forks


SCRIPT = """
import errno, os, random, signal, sys, time
sys.path[:0] = {paths!r}
from pathlib import Path
from timeglass import DataError, Dense, Input, OptionError, Sequential, load_model
from timeglass.model.saving import model_bytes
os.chdir({folder!r})
OLD, NEW = (Sequential([Input((1, 40)), Dense(50)], seed=seed) for seed in (1, 2))
path = Path({name!r})

def start(work):
    child = os.fork()
    if child:
        return child
    try:
        work()
    finally:
        os._exit(0)

{body}
"""


def run(folder: Path, name: str, body: str) -> list[str]:
    """The words that a script prints."""
    paths = [str(Path(part).resolve()) for part in sys.path if part]
    code = SCRIPT.format(paths=paths, folder=str(folder), name=name, body=body)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1]


@pytest.mark.parametrize("ending", one_in(2, [".safetensors", ".json"]))
def test_killed_at_any_moment_of_a_save(tmp_path, ending):
    body = """
random.seed(4)
contents = [model_bytes(each, path.suffix) for each in (OLD, NEW)]

def work():
    while True:
        NEW.save(path)
        OLD.save(path)

OLD.save(path)
seen = [0, 0]
for _ in range(60):
    child = start(work)
    time.sleep(random.uniform(0, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    seen[contents.index(path.read_bytes())] += 1
    load_model(path)
strays = [entry for entry in Path(".").iterdir() if entry != path]
assert all(entry.name.startswith(".m-") and entry.suffix == path.suffix for entry in strays)
print(*seen, len(strays))
NEW.save(path)
assert len(list(Path(".").iterdir())) == len(strays) + 1  # another process may still be writing them
for entry in strays:
    os.utime(entry, (0, time.time() - 3700))
NEW.save(path)
print(*(entry.name for entry in Path(".").iterdir()))
"""
    counts, left = run(tmp_path, f"m{ending}", body)
    old, new, strays = map(int, counts.split())
    assert old + new == 60
    assert min(old, new) > 5
    assert strays > 0 or ending == ".json"  # most of whose time goes into the text, before there is a file
    assert left == f"m{ending}"


@each_ending
def test_two_processes_save_to_one_path(tmp_path, ending):
    body = """
contents = [model_bytes(each, path.suffix) for each in (OLD, NEW)]
OLD.save(path)
children = [start(lambda each=each: [each.save(path) for _ in range(40)]) for each in (OLD, NEW)]
seen = [0, 0]
while children:
    seen[contents.index(path.read_bytes())] += 1
    load_model(path)
    done, status = os.waitpid(children[0], os.WNOHANG)
    assert status == 0
    if done:
        children.pop(0)
print(min(seen) > 0, *(entry.name for entry in Path(".").iterdir()))
"""
    assert run(tmp_path, f"m{ending}", body) == [f"True m{ending}"]


def test_a_file_may_not_grow_so_large(tmp_path):
    """A limit of the system's own, which stops a write in its middle."""
    body = """
import resource
OLD.save(path)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    NEW.save(path)
except OptionError as error:
    print(error)
assert path.read_bytes() == model_bytes(OLD, path.suffix)
print(*(entry.name for entry in Path(".").iterdir()))
"""
    words, left = run(tmp_path, "m.safetensors", body)
    assert words == "m.safetensors: cannot be written (File too large); choose another folder or name"
    assert left == "m.safetensors"


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A disk of 64 KiB; the test is skipped where no disk may be mounted."""
    command = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0755", "tmpfs", str(tmp_path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@each_ending
def test_a_full_disk_keeps_the_old_model(disk, ending):
    path = disk / f"m{ending}"
    OLD.save(path)
    old, large = path.read_bytes(), model(3, units=20_000)
    size = len(model_bytes(large, ending))
    with pytest.raises(OptionError) as caught:
        large.save(path)
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    assert str(caught.value) == (
        f"{path}: cannot be written (No space left on device); {size:,} bytes are needed, {free:,} bytes are free: "
        "free some space or choose another folder"
    )
    assert (path.read_bytes(), list(disk.iterdir())) == (old, [path])
    NEW.save(path)
    assert path.read_bytes() == model_bytes(NEW, ending)


def test_a_disk_that_is_read_only(disk):
    OLD.save(disk / "m.json")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    for name in ("m.json", "new.json"):
        with pytest.raises(OptionError, match=r"may not be written|Read-only file system\); choose a folder you may"):
            NEW.save(disk / name)
    assert load_model(disk / "m.json").get_weights()[0].tobytes() == OLD.get_weights()[0].tobytes()


def test_a_folder_in_which_one_may_not_write():
    """Root may write anywhere: it becomes nobody first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        OLD.save(folder / "m.json")
        (folder / "m.json").chmod(0o644)
        folder.chmod(0o555)
        body = """
import timeglass.files
model_bytes(OLD, path.suffix)  # who is nobody may not even import what that needs
if os.getuid() == 0:
    os.setuid(65534)
for name in (path, Path("new.json")):
    try:
        NEW.save(name)
    except OptionError as error:
        print(error)
"""
        try:
            words = run(folder, "m.json", body)
        finally:
            folder.chmod(0o755)
        assert words[1] == "new.json: cannot be written (Permission denied); choose a folder you may write to"
        assert words[0].endswith(("may not be written: choose another name, or allow it", words[1][10:]))
        assert [entry.name for entry in folder.iterdir()] == ["m.json"]
        assert np.array_equal(load_model(folder / "m.json").get_weights()[0], OLD.get_weights()[0])
