"""Parquet and Arrow files by pyarrow, some rows at a time."""

from __future__ import annotations

import io
import mmap
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from timeglass.errors import DataError, EngineError
from timeglass.read.cells import Cells, cells_of_arrow
from timeglass.read.faults import Faults
from timeglass.read.options import ReadOptions
from timeglass.read.stream import Opened
from timeglass.read.table import Table
from timeglass.read.typed_table import read_typed
from timeglass.words import printable

__all__ = ["read_columns"]

_ROWS = 2**19  # at once


def read_columns(
    opened: Opened, options: ReadOptions, faults: Faults, *, many: bool, tell: Callable[[str], None] | None = None
) -> Table:
    """A Parquet or Arrow file as a table; its rows are numbered from 1 in place of lines."""
    try:
        import pyarrow as pa  # an optional extra
    except ImportError:
        raise EngineError(
            f"{opened.name} is {opened.kind}: to read it, install pyarrow: pip install 'timeglass[arrow]'"
        ) from None
    try:
        batches, rows = (_parquet if opened.kind == "Parquet" else _arrow)(opened.file)
        return read_typed(batches, options, opened.name, faults, many=many, rows=rows, tell=tell)
    except (DataError, MemoryError):
        raise
    except (pa.ArrowException, OSError, UnicodeError) as error:
        reason = printable((str(error) or type(error).__name__).splitlines()[0][:90])
        raise DataError(
            f"{opened.name} cannot be read as {opened.kind}: {reason}: the file is damaged or not whole, get it again"
        ) from None


def _mapped(file: Any) -> Any:
    """The bytes of a file. A thread of pyarrow's that reads from a Python file may abort the process at its end."""
    import pyarrow as pa

    if isinstance(file, io.BytesIO):
        return pa.py_buffer(file.getbuffer())
    return pa.py_buffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _parquet(file: Any) -> tuple[Iterator[Sequence[Cells]], int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    content = _mapped(file)
    schema = pq.read_schema(pa.BufferReader(content))
    texts = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    table = pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts, page_checksum_verification=True)
    return chain(map(_cells, table.iter_batches(batch_size=_ROWS)), [_none_of(schema)]), table.metadata.num_rows


def _arrow(file: Any) -> tuple[Iterator[Sequence[Cells]], int]:
    import pyarrow as pa

    content = _mapped(file)
    plain = pa.ipc.IpcReadOptions(use_threads=False)
    if content.slice(0, 6).to_pybytes() == b"ARROW1":
        reader = pa.ipc.open_file(content, options=plain)
        parts = (_cells(reader.get_batch(i)) for i in range(reader.num_record_batches))
        return chain(parts, [_none_of(reader.schema)]), 0
    stream = pa.ipc.open_stream(content, options=plain)
    return chain(map(_cells, stream), [_none_of(stream.schema)]), 0


def _none_of(schema: Any) -> list[Cells]:
    """No row of any column: so a file without rows has columns, too."""
    return [Cells(str(name), np.empty(0)) for name in schema.names]


def _cells(batch: Any) -> list[Cells]:
    batch.validate(full=True)  # what does not fit together would end the process
    return [cells_of_arrow(str(name), column) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
