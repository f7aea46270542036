"""Files: read only where they are plain ones, and written so that a reader finds the old one or the new one."""

from __future__ import annotations

import contextlib
import difflib
import errno
import glob
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from timeglass.errors import DataError, OptionError

__all__ = ["check_folder", "open_regular", "write_whole"]

_NO_SPACE = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_NOT_ALLOWED = (errno.EACCES, errno.EPERM, errno.EROFS)
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EBADF)  # what file systems say that cannot sync a folder

# ---- reading


@contextlib.contextmanager
def open_regular(path: Path, advice: str, ending: str) -> Iterator[tuple[BinaryIO, int]]:
    """The file, open, and its size in bytes; a `DataError` says why it cannot be read.

    A pipe or a device is refused with this `advice`. Where there is no such file, the closest name in the folder is
    given, or else one with this `ending`.
    """
    try:
        with _opened(path, advice) as file:
            yield file, os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        raise DataError(f"no file {path}{_closest(path, ending)}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def _opened(path: Path, advice: str) -> BinaryIO:
    try:
        _check_regular(path, path.stat().st_mode, advice)  # first: to open a device may set it going
    except DataError:
        raise  # it is a ValueError too
    except ValueError as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    # Should a pipe have come in its place since, this does not wait for who writes to it.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    file = open(handle, "rb")  # noqa: SIM115  # whoever asked closes it
    try:
        _check_regular(path, os.fstat(handle).st_mode, advice)
    except DataError:
        file.close()
        raise
    return file


def _check_regular(path: Path, mode: int, advice: str) -> None:
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder: give the file itself")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is not a regular file: {advice}")


def _closest(path: Path, ending: str) -> str:
    folder, names = path.parent, []
    with contextlib.suppress(OSError):  # a folder that may not be listed
        if not folder.is_dir():
            return f"; the folder {folder} does not exist either"
        names = sorted(entry.name for entry in folder.iterdir() if entry.is_file())
    near = difflib.get_close_matches(path.name, names, n=1) or [name for name in names if name.endswith(ending)][:1]
    return f"; that folder has {near[0]}" if near else ""


# ---- writing


def check_folder(option: str, folder: Path) -> None:
    """Makes the folder if it is not there; `OptionError` names the option where nothing can be written to it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OptionError(
            f"{option} {folder}: cannot write there ({reason}); choose a folder you may write to"
        ) from None


def write_whole(path: Path, write: Callable[[Path], object], size: int | None = None) -> None:
    """Has `write` fill a file beside `path`, then puts it in its place in one step.

    What stood there keeps its permissions; a link stays, and what it leads to is written. An `OptionError` says why
    that cannot be done: with `size`, the bytes that `write` will write, also how many are free.
    """
    try:
        target = _target_of(path)
        mode = _mode_of(target)
        _clean(target)
        _write(target, mode, write)
    except OSError as error:
        raise OptionError(f"{path}: cannot be written ({_reason(path, error, size)}") from None


def _target_of(path: Path) -> Path:
    """Where the links lead, if there are any."""
    try:
        return Path(os.path.realpath(path))
    except ValueError as error:  # a null character
        raise OptionError(f"{path}: cannot be written ({error}); choose another name") from None


def _write(target: Path, mode: int | None, write: Callable[[Path], object]) -> None:
    # The name is known before there is a file of it: whatever happens from here on, it is removed.
    before, after = _part_name(target)
    part = target.with_name(before + os.urandom(4).hex() + after)
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if mode is None else mode))
        write(part)
        with part.open("ab") as file:
            os.fsync(file.fileno())
        if mode is not None:
            part.chmod(mode)
        part.replace(target)
        _sync_folder(target.parent)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def _mode_of(target: Path) -> int | None:
    """The permissions of the file that is to be replaced, None where there is none; refuses what is no such file."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise OptionError(f"{target}: is a folder: give the name of a file")
    if not stat.S_ISREG(mode):
        raise OptionError(f"{target}: is not a regular file, and would be replaced by one: choose another name")
    if not mode & 0o222 or not os.access(target, os.W_OK):
        raise OptionError(f"{target}: may not be written: choose another name, or allow it")
    return stat.S_IMODE(mode)


def _part_name(target: Path) -> tuple[str, str]:
    """What stands before and after a mark of eight letters, short enough for a name of 255 bytes."""
    return f".{target.stem[:40]}-", target.suffix[:20]


def _clean(target: Path) -> None:
    """Removes what a writer that was killed left behind an hour or longer ago."""
    before, after = map(glob.escape, _part_name(target))
    with contextlib.suppress(OSError):
        for stray in target.parent.glob(f"{before}????????{after}"):
            if time.time() - stray.stat().st_mtime > 3600:
                stray.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Has the disk keep the file's new name too, on systems where that is done so."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return  # a folder that may not be listed; Windows
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


def _reason(path: Path, error: OSError, size: int | None) -> str:
    """The second half of the message."""
    reason = error.strerror or str(error)
    if error.errno in _NO_SPACE:
        free = ""
        with contextlib.suppress(OSError):
            free = f"{shutil.disk_usage(path.parent).free:,} bytes are free"
        needed = "" if size is None else f"{size:,} bytes are needed, "
        return f"{reason}); {needed}{free}: free some space or choose another folder"
    if error.errno in _NOT_ALLOWED:
        return f"{reason}); choose a folder you may write to"
    if error.errno in (errno.ENOENT, errno.ENOTDIR) and not path.parent.is_dir():
        return f"there is no folder {path.parent}); make it first"
    return f"{reason}); choose another folder or name"
