"""What a file is that is none of ours, told by its first bytes."""

from __future__ import annotations

__all__ = ["foreign"]

_KINDS = {
    b"PK\x03\x04": "a zip archive, as .keras and .npz files are: a .keras file is opened by from_keras",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, as .h5 files are: save it as .keras in Keras, which from_keras opens",
    b"\x93NUMPY": "a NumPy array, not a model",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"\x80\x02": "a pickle", b"\x80\x03": "a pickle", b"\x80\x04": "a pickle", b"\x80\x05": "a pickle",
}  # fmt: skip
_PAGES = (b"<!doctype", b"<html", b"<?xml", b"<!--", b"<head")
_PICKLE = ", which may run anything when it is opened: Timeglass opens none; have who made it save it in another format"


def foreign(start: bytes, size: int) -> str:
    """In words, from the first bytes of a file and its size.

    >>> foreign(b"", 0)
    'it is empty (0 bytes)'
    """
    if size == 0:
        return "it is empty (0 bytes)"
    for magic, words in _KINDS.items():
        if start.startswith(magic):
            return f"it is {words}{_PICKLE if words == 'a pickle' else ''}"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(_PAGES):
        return "it is a web page: use the link to the file itself"
    if text.startswith(b"{"):
        return "it is JSON: a model file in JSON is named .json"
    if start[8:9] == b"{":
        return "it is a safetensors file: name it .safetensors"
    return f"it is no model file: none begins with {start[:8].hex(' ')}"
