"""Files of rows as Dask arrays: CSV, NumPy's npy, and Parquet. Only names and counts are read before training."""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Callable, Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Any, NamedTuple

import dask
import dask.array as da
import numpy as np

from ..data.tables import DataError, check_header

BYTES_IN_A_BLOCK = 1 << 26  # of a CSV file: as text; of the others: as numbers
SUFFIXES = (".csv", ".npy", ".parquet")


class Slice(NamedTuple):
    """Some rows of a file that make a block."""

    path: str
    rows: int
    first: int  # the number of the first row in the file, from 0
    start: int = 0  # of a CSV file: from which byte ...
    stop: int = 0  # ... to which


def rows_in_files(x: str | os.PathLike[str], y: Any = None) -> tuple[Any, Any]:
    """Return features and targets in files as Dask arrays, a block for each file or for each part of a large one.

    Args:
        x: A folder, a pattern such as "rows/*.csv", or a file. The order is that of the names. Where there is a
            cluster, its workers have to see the files at the same paths.
        y: The name of the column to predict; by default the last one. For npy files: the files with the targets, as a
            pattern, with as many rows in each; by default the last column of x.

    Returns:
        x of shape (rows, features) and y of shape (rows,).

    Raises:
        FileNotFoundError: If there are none.
        DataError: If they differ in their columns, or hold what is not numbers: the message names the file.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     for name in "ab":
        ...         _ = Path(folder, f"{name}.csv").write_text("size,price\\n1,10\\n2,20\\n")
        ...     x, y = rows_in_files(folder)
        ...     x.shape, y.compute().tolist()
        ((4, 1), [10.0, 20.0, 10.0, 20.0])
    """
    if not isinstance(y, str | os.PathLike | None):
        raise TypeError(f"x is files, and y {type(y).__name__}; expected the name of a column, or for npy files, files")
    paths = files_in([x])
    if Path(paths[0]).suffix == ".npy":
        return npy_rows(paths, y)
    columns, table = table_in_files(paths)
    target = columns[-1] if y is None else os.fspath(y)
    others = [name for name in columns if name != target]
    return picked(paths, columns, table, others), picked(paths, columns, table, [target])[:, 0]


def features_in_files(x: str | os.PathLike[str], names: Sequence[str] | None = None) -> Any:
    """Return what is in some files as a Dask array: some columns, or all of them; see `rows_in_files`."""
    paths = files_in([x])
    if Path(paths[0]).suffix == ".npy":
        return npy_array(paths)
    columns, table = table_in_files(paths)
    return picked(paths, columns, table, names or columns)


def table_in_files(paths: Sequence[str]) -> tuple[list[str], Any]:
    """Return the names of the columns in CSV or Parquet files, and all of them as a Dask array."""
    kind = Path(paths[0]).suffix
    if kind == ".npy":
        raise DataError(f"{paths[0]}: an npy file does not name its columns; give CSV or Parquet files")
    columns, slices, read = (csv_rows if kind == ".csv" else parquet_rows)(paths)
    return columns, stacked(slices, read, (len(columns),), np.dtype(float))


def picked(paths: Sequence[str], columns: Sequence[str], table: Any, names: Sequence[str]) -> Any:
    """Return some columns of the table in some files."""
    for name in names:
        if name not in columns:
            raise DataError(f"{paths[0]}: there is no column {name!r}; it has {', '.join(columns)}; give one of them")
    return table[:, [columns.index(name) for name in names]]


def files_in(patterns: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Return the files in folders, of patterns, or named themselves, in the order of their names, all of one kind."""
    names = [os.fspath(pattern) for pattern in patterns]
    text = ", ".join(names[:2]) + (", ..." if len(names) > 2 else "")
    found: list[str] = []
    for pattern in names:
        if os.path.isdir(pattern):
            files = (path for path in Path(pattern).iterdir() if path.suffix in SUFFIXES)
            found += [str(path) for path in files if not path.name.startswith((".", "_"))]  # which are somebody's notes
        else:
            found += glob(pattern, recursive=True) if has_magic(pattern) else [pattern]
    paths = sorted({os.path.abspath(path) for path in found})
    missing = [path for path in paths if not os.path.exists(path)]
    if missing or not paths:
        raise FileNotFoundError(
            f"{missing[0] if missing else text}: there is no such file here ({os.getcwd()}); expected folders, "
            f"patterns or files with the endings {', '.join(SUFFIXES)}; for folders in a folder, a pattern such as "
            "'rows/**/*.csv'"
        )
    kinds = {Path(path).suffix: path for path in reversed(paths)}
    if len(kinds) > 1 or not set(kinds) <= set(SUFFIXES):
        shown = ", ".join(f"{Path(path).name}" for path in kinds.values())
        raise DataError(
            f"{text}: files of several kinds, or of none that is known: {shown}; expected all of them to end in one of "
            f"{', '.join(SUFFIXES)}; give a pattern, such as '*.csv'"
        )
    return paths


def stacked(slices: Sequence[Slice], read: Callable[[Slice], Any], shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a Dask array of what is read from some slices, each a block."""
    read = dask.delayed(read)
    blocks = [da.from_delayed(read(s), (s.rows, *shape), dtype=dtype) for s in slices if s.rows]
    if not blocks:
        raise DataError(f"{slices[0].path if slices else 'the files'}: there are no rows; expected some numbers")
    return da.concatenate(blocks)


def checked(piece: Slice, columns: Sequence[str], numbers: Any) -> Any:
    """Return the rows of a slice, or say which of them cannot be used."""
    if len(numbers) != piece.rows:
        raise DataError(
            f"{piece.path}: {len(numbers)} rows after row {piece.first}, expected {piece.rows}, as counted before "
            "training; leave the file as it is while it is read"
        )
    bad = np.argwhere(~np.isfinite(numbers))
    if len(bad):
        column = ", ".join(map(str, bad[0][1:]))
        name = f", column {columns[int(column)]!r}" if columns else f", column {column}" if column else ""
        where = place(piece.path, piece.first + int(bad[0][0]) + 1)
        raise DataError(
            f"{where}{name} is {numbers[tuple(bad[0])]}, expected a finite number; leave out such rows, or fill them in"
        )
    return numbers


def place(path: str, row: int) -> str:
    """Return what to call a row of a file, counted from 1: in a CSV file, by its line too."""
    if not path.endswith(".csv"):
        return f"{path}: row {row}"
    with open(path, "rb") as file:
        lines = (number for number, line in enumerate(file, start=1) if number > 1 and not line.isspace())
        return f"{path}: row {row} (line {next(itertools.islice(lines, row - 1, None))})"


# CSV ------------------------------------------------------------------------------------------------------------------


def csv_rows(paths: Sequence[str]) -> tuple[list[str], list[Slice], Callable[[Slice], Any]]:
    """Return the columns of some CSV files, their slices, and what reads one."""
    surveys = dask.compute(*[dask.delayed(survey)(path) for path in paths])
    columns = surveys[0][0]
    for path, (names, _) in zip(paths, surveys, strict=True):
        same_columns(path, names, paths[0], columns)
    headers = {path: names for path, (names, _) in zip(paths, surveys, strict=True)}

    def read(piece: Slice) -> Any:
        names = headers[piece.path]
        numbers = numbers_in(piece, names)
        return checked(piece, names, numbers)[:, [names.index(name) for name in columns]]

    return columns, [piece for _, slices in surveys for piece in slices], read


def same_columns(path: str, names: Sequence[str], first: str, columns: Sequence[str]) -> None:
    """Raise unless a file has the columns of the first one, in whatever order."""
    if sorted(names) != sorted(columns):
        missing = [name for name in columns if name not in names]
        others = [name for name in names if name not in columns]
        raise DataError(
            f"{path}: its columns are {', '.join(names)}, expected those of {Path(first).name}: {', '.join(columns)}; "
            f"missing: {', '.join(missing) or 'none'}; unknown: {', '.join(others) or 'none'}; leave the file out, or "
            "give it the same columns"
        )


def survey(path: str) -> tuple[list[str], list[Slice]]:
    """Return the columns of a CSV file, and slices of it that end where lines do, with their rows counted."""
    slices: list[Slice] = []
    with open(path, "rb") as file:
        line = text_of(path, file.readline(), "utf-8-sig").strip()
        if not line:
            raise DataError(f"{path}: its first line is empty, expected the names of the columns; leave the file out")
        names = [name.strip() for name in next(csv.reader([line], skipinitialspace=True), [])]
        check_header(Path(path), names, least=2)
        done, start, rows = 0, file.tell(), 0
        at = start
        for text in file:
            at += len(text)
            rows += not text.isspace()
            if at - start >= BYTES_IN_A_BLOCK:
                slices.append(Slice(path, rows, done, start, at))
                done, start, rows = done + rows, at, 0
        slices.append(Slice(path, rows, done, start, at))
    return names, slices


def text_of(path: str, found: bytes, encoding: str = "utf-8") -> str:
    """Return what was read from a file as text."""
    try:
        return found.decode(encoding)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error}); save it as CSV, UTF-8") from None


def numbers_in(piece: Slice, names: Sequence[str]) -> Any:
    """Return the numbers in a slice of a CSV file, or say which cell is none."""
    with open(piece.path, "rb") as file:
        file.seek(piece.start)
        text = text_of(piece.path, file.read(piece.stop - piece.start))
    try:
        numbers = np.loadtxt(io.StringIO(text), delimiter=",", quotechar='"', comments=None, ndmin=2)
        if numbers.shape[1] == len(names):
            return numbers
    except ValueError:
        pass
    rows = (row for row in csv.reader(io.StringIO(text)) if len(row) > 1 or (row and row[0].strip()))
    for number, row in enumerate(rows, start=piece.first + 1):
        if len(row) != len(names):
            where = place(piece.path, number)
            raise DataError(f"{where} has {len(row)} cells, expected {len(names)}, one per column; mend the row")
        for name, cell in zip(names, row, strict=True):
            try:
                float("no number" if "_" in cell else cell)  # which Python takes, as in 1_000, and NumPy does not
            except ValueError:
                where = place(piece.path, number)
                raise DataError(
                    f"{where}, column {name!r} is {cell!r}, expected a number; leave out such rows, or fill them in"
                ) from None
    raise DataError(f"{piece.path}: rows from {piece.first + 1} on cannot be read as numbers; look at them")


# npy and Parquet ------------------------------------------------------------------------------------------------------


def npy_rows(paths: Sequence[str], y: Any) -> tuple[Any, Any]:
    """Return features and targets in npy files."""
    x = npy_array(paths)
    if y is None:
        if x.ndim != 2 or x.shape[1] < 2:
            raise DataError(
                f"{paths[0]} has shape {x.shape[1:]} for each row, expected columns, the last of them the target; or "
                "give files with the targets as y"
            )
        return x[:, :-1], x[:, -1]
    targets = files_in([y])
    found = npy_array(targets)
    if len(targets) == len(paths):
        for path, other in zip(paths, targets, strict=True):
            rows, expected = len(mapped(other)), len(mapped(path))
            if rows != expected:
                raise DataError(f"{other} has {rows} rows, expected {expected}, as {path} has; give one for each row")
    return x, found.rechunk({0: x.chunks[0]}) if len(found) == len(x) else found


def mapped(path: str) -> Any:
    """Return an npy file as an array whose numbers are read when they are used."""
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError as error:
        raise DataError(f"{path} cannot be read as an npy file of numbers: {error}; write it with np.save") from None


def npy_array(paths: Sequence[str]) -> Any:
    """Return npy files as one Dask array."""
    slices = []
    first = mapped(paths[0])
    for path in paths:
        array = mapped(path)
        if array.dtype != first.dtype or array.shape[1:] != first.shape[1:] or not array.ndim:
            raise DataError(
                f"{path} holds {array.dtype} of shape {array.shape}, expected {first.dtype} and (rows, "
                f"{', '.join(map(str, first.shape[1:]))}) as in {Path(paths[0]).name}; leave it out, or convert it"
            )
        step = max(BYTES_IN_A_BLOCK // max(array[:1].nbytes, 1), 1)
        slices += [Slice(path, min(step, len(array) - i), i) for i in range(0, len(array), step)]
    return stacked(slices, read_npy, first.shape[1:], first.dtype)


def read_npy(piece: Slice) -> Any:
    """Return the rows of a slice of an npy file."""
    return checked(piece, (), np.array(mapped(piece.path)[piece.first : piece.first + piece.rows]))


def parquet_rows(paths: Sequence[str]) -> tuple[list[str], list[Slice], Callable[[Slice], Any]]:
    """Return the columns of some Parquet files, their slices, and what reads one."""
    try:
        from pyarrow import parquet
    except ImportError:
        raise ImportError(f"{paths[0]} is a Parquet file, which pyarrow reads: pip install pyarrow.") from None
    columns: list[str] = []
    slices = []
    for path in paths:
        try:
            file = parquet.ParquetFile(path)
        except ValueError as error:
            raise DataError(
                f"{path} cannot be read as a Parquet file: {error}; leave it out, or write it anew"
            ) from None
        columns = columns or file.schema_arrow.names
        same_columns(path, file.schema_arrow.names, paths[0], columns)
        first = 0
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            slices.append(Slice(path, rows, first, group))
            first += rows

    def read(piece: Slice) -> Any:
        table = parquet.ParquetFile(piece.path).read_row_group(piece.start, columns=columns)
        numbers = []
        for name in columns:
            try:
                column = table[name].to_numpy()
                if column.dtype.kind in "mM":
                    raise TypeError(f"it holds {column.dtype}")
                numbers.append(column.astype(float))
            except (ValueError, TypeError) as error:
                raise DataError(
                    f"{piece.path}: column {name!r} cannot be read as numbers: {error}; leave out such columns"
                ) from None
        return checked(piece, columns, np.column_stack(numbers))

    return columns, slices, read
