"""Tables of numbers with named columns: read from a CSV file, or carried in the package."""

import csv
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.resources import as_file, files
from inspect import getdoc
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

MISSING_CELLS = frozenset({"", "na", "n/a", "null"})  # in lower case; "nan" is a float already
BOSTON_FILE = "boston_housing.csv"
BOSTON_FOLDER_VARIABLE = "MICROGD_DATA"
BOSTON_FEATURES = ("crim", "zn", "indus", "chas", "nox", "rm", "age", "dis", "rad", "tax", "ptratio", "lstat")


class DataError(ValueError):
    """Data that cannot be used as asked: says what, where, what was got, what was expected and what to do.

    >>> issubclass(DataError, ValueError)
    True
    """


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """A target to predict, and the features to predict it from.

    Arguments:
        data: the features, shape (rows, features).
        target: the number to predict, shape (rows,).
        feature_names: the names of the columns of ``data``, in order.
        target_name: the name of the target.
        DESCR: what the table is and where it comes from.
        row_names: one name per row; default: none.

    >>> load_houses()
    <Table: 47 rows, price_usd from size_sqft, bedrooms>
    """

    data: FloatArray
    target: FloatArray
    feature_names: tuple[str, ...]
    target_name: str
    DESCR: str
    row_names: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Table: {len(self.data)} rows, {self.target_name} from {', '.join(self.feature_names)}>"


def read_csv(
    path: str | os.PathLike[str],
    target: str | None = None,
    features: Sequence[str] | None = None,
    drop_missing: bool = False,
    row_names: str | None = None,
) -> Table:
    """Read a table of numbers from a CSV file: comma-separated, UTF-8, column names in the first line.

    A cell is missing when it is empty, NA, N/A, null or nan. Only the chosen columns need to hold numbers.

    Arguments:
        path: the file.
        target: the column to predict; default: the last one.
        features: the columns to predict it from, in the order wanted; default: all the others.
        drop_missing: leave out the rows with missing cells instead of refusing them.
        row_names: a column of text that names the rows; default: none.

    Returns:
        A `Table` of float64 numbers with at least two rows.

    Raises:
        OSError: the file is not there or cannot be read.
        DataError: its content cannot be used; the message names the row (counted from 1 below the header), the line
            of the file and the column.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "houses.csv")
    ...     _ = path.write_text('size,rooms,price\\n2104,"3",399900\\n1600,"3",329900\\n')
    ...     table = read_csv(path, target="price", features=["size"])
    >>> table.feature_names, table.data.tolist(), table.target.tolist()
    (('size',), [[2104.0], [1600.0]], [399900.0, 329900.0])

    Source: RFC 4180, "Common Format and MIME Type for Comma-Separated Values (CSV) Files".
    """
    path = Path(path)
    header, cells, lines = _cells(path)
    columns = [name for name in header if name != row_names]
    target = columns[-1] if target is None else target
    features = [features] if isinstance(features, str) else features
    features = [name for name in columns if name != target] if features is None else list(features)
    chosen = [*features, target]
    _check_names(path, chosen if row_names is None else [*chosen, row_names], header)
    if not features or len(set(chosen)) < len(chosen):
        raise DataError(
            f"{path}: the target is {target!r} and the features are {features}; expected at least one feature, each "
            f"named once and none of them the target; choose them from {_listed(header)} with target= and features="
        )

    values, kept = _numbers(path, header, cells, lines, chosen, target, drop_missing)
    dropped = f" ({len(values) - len(kept)} with missing cells left out)" if len(kept) < len(values) else ""
    if len(kept) < 2:
        raise DataError(
            f"{path}: {len(kept)} of {len(values)} rows can be used{dropped}, expected at least 2: nothing can be "
            "learnt from fewer; give a file with more rows"
        )
    return Table(
        data=values[kept, :-1],
        target=values[kept, -1],
        feature_names=tuple(features),
        target_name=target,
        DESCR=f"{path.name}: {len(kept)} rows{dropped}; {target} from {', '.join(features)}.",
        row_names=() if row_names is None else tuple(cells[row][header.index(row_names)] for row in kept),
    )


def read_columns(path: str | os.PathLike[str], columns: Sequence[str], drop_missing: bool = False) -> FloatArray:
    """Read some columns of numbers from a CSV file: the features of rows whose target is not known.

    Arguments:
        path: the file, as `read_csv` takes it.
        columns: the names of the columns, in the order wanted.
        drop_missing: leave out the rows with missing cells instead of refusing them.

    Returns:
        float64 numbers, shape (rows, columns).

    Raises:
        OSError, DataError: as `read_csv`.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "houses.csv")
    ...     _ = path.write_text("size,rooms\\n2104,3\\n1600,3\\n")
    ...     read_columns(path, ["rooms"]).tolist()
    [[3.0], [3.0]]
    """
    path = Path(path)
    header, cells, lines = _cells(path, least=1)
    _check_names(path, columns, header)
    values, kept = _numbers(path, header, cells, lines, list(columns), None, drop_missing)
    return values[kept]


def load_houses() -> Table:
    """Load 47 houses sold in Portland, Oregon: the price from the size and the number of bedrooms.

    Features: size_sqft (living area, square feet), bedrooms (count).
    Target: price_usd (US dollars).

    Returns:
        A `Table` with ``data`` of shape (47, 2) and ``target`` of shape (47,); a fresh copy at each call.

    >>> houses = load_houses()
    >>> houses.data[0].tolist(), houses.target[0].item()
    ([2104.0, 3.0], 399900.0)

    Source: Andrew Ng, machine-learning course (Stanford University), the linear-regression exercise on Portland house
    prices.
    """
    return replace(_embedded("houses.csv", target="price_usd"), DESCR=getdoc(load_houses) or "")


def load_cars() -> Table:
    """Load 32 cars of the model years 1973 and 1974: fuel economy from ten measures of design and performance.

    Features: cyl (cylinders), disp (displacement, cubic inches), hp (gross horsepower), drat (rear-axle ratio),
    wt (weight, 1000 lb), qsec (quarter-mile time, seconds), vs (engine: 0 V-shaped, 1 straight), am (transmission:
    0 automatic, 1 manual), gear (forward gears), carb (carburettors).
    Target: mpg (miles per US gallon).
    Row names: the model of the car.

    Returns:
        A `Table` with ``data`` of shape (32, 10) and ``target`` of shape (32,); a fresh copy at each call.

    >>> cars = load_cars()
    >>> cars.row_names[0], cars.target[0].item()
    ('Mazda RX4', 21.0)

    Source: Motor Trend, 1974; H. V. Henderson and P. F. Velleman, "Building multiple regression models interactively",
    Biometrics 37 (1981), 391-411; known as "mtcars".
    """
    return replace(_embedded("cars.csv", target="mpg", row_names="model"), DESCR=getdoc(load_cars) or "")


def load_boston(path: str | os.PathLike[str] | None = None) -> Table:
    """Load 506 census tracts around Boston, 1970: the value of homes from twelve measures. The file is not in microgd.

    Features: crim (crimes per person), zn (% of land zoned for lots over 25,000 square feet), indus (% of non-retail
    business land), chas (1: on the Charles River), nox (nitrogen oxides, parts per 10 million), rm (rooms per home),
    age (% of homes built before 1940), dis (weighted distance to five employment centres), rad (access to radial
    highways, an index), tax (property tax per 10,000 US dollars), ptratio (pupils per teacher), lstat (% of
    lower-status population). The column b of the file is left out: it is computed from the race of the inhabitants.
    Target: medv (median value of owner-occupied homes, 1000 US dollars).

    Arguments:
        path: the CSV file; default: boston_housing.csv in the folder that the environment variable MICROGD_DATA names.

    Returns:
        A `Table` with ``data`` of shape (506, 12) and ``target`` of shape (506,).

    Raises:
        FileNotFoundError: the file is not there; the message says what to set.
        DataError: the file has other columns, or cells that are not numbers.

    >>> load_boston("nowhere.csv")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    FileNotFoundError: nowhere.csv: there is no such file; microgd does not carry the Boston table: ...

    Source: D. Harrison and D. L. Rubinfeld, "Hedonic housing prices and the demand for clean air", Journal of
    Environmental Economics and Management 5 (1978), 81-102.
    """
    folder = os.environ.get(BOSTON_FOLDER_VARIABLE)
    if path is None and folder:
        path = Path(folder, BOSTON_FILE)
    if path is None or not Path(path).exists():
        where = (
            f"the environment variable {BOSTON_FOLDER_VARIABLE} is not set" if path is None else "there is no such file"
        )
        raise FileNotFoundError(
            f"{BOSTON_FILE if path is None else path}: {where}; microgd does not carry the Boston table: give the path "
            f"of the file, or set {BOSTON_FOLDER_VARIABLE} to the folder that holds {BOSTON_FILE}"
        )
    return replace(read_csv(path, target="medv", features=BOSTON_FEATURES), DESCR=getdoc(load_boston) or "")


def _embedded(name: str, target: str, row_names: str | None = None) -> Table:
    with as_file(files("microgd.data") / name) as path:
        return read_csv(path, target=target, row_names=row_names)


def _check_names(path: Path, names: Iterable[str], header: list[str]) -> None:
    for name in names:
        if name not in header:
            raise DataError(f"{path}: there is no column {name!r}{_nearest(name, header)}; it has {_listed(header)}")


def _numbers(
    path: Path,
    header: list[str],
    cells: list[list[str]],
    lines: list[int],
    chosen: list[str],
    target: str | None,
    drop_missing: bool,
) -> tuple[FloatArray, NDArray[np.intp]]:
    """The numbers in the chosen columns, and which rows of them have no missing cells."""
    positions = [header.index(name) for name in chosen]
    parsed = [[_number(row[position]) for position in positions] for row in cells]
    values = np.array(parsed, dtype=np.float64)  # text becomes nan here, so it is told apart below
    is_text = np.array([[number is None for number in row] for row in parsed])
    missing = np.isnan(values) & ~is_text

    def place(row: int, column: int) -> str:
        return f"row {row + 1} (line {lines[row]}), column {chosen[column]!r}"

    text_columns = np.flatnonzero(is_text.any(axis=0) & ~np.isfinite(values).any(axis=0))
    if len(text_columns):
        column = int(text_columns[0])
        example = cells[is_text[:, column].argmax()][positions[column]]
        numeric = [name for number, name in enumerate(chosen) if number not in text_columns and name != target]
        leave_out = f"leave it out with features={numeric}" if numeric else "choose features= that hold numbers"
        if _number(example.replace(",", ".", 1)) is not None:
            leave_out = "write its numbers with a point for the decimal comma"
        raise DataError(
            f"{path}: column {chosen[column]!r} is text (such as {example!r}), expected numbers; "
            f"{'choose another target=' if chosen[column] == target and 'comma' not in leave_out else leave_out}"
        )
    for row, column in np.argwhere(is_text | np.isinf(values)):
        got = cells[row][positions[column]]
        raise DataError(f"{path}: {place(row, column)} is {got!r}, expected a finite number; correct it in the file")
    if missing.any() and not drop_missing:
        places = _shortened(place(row, column) for row, column in np.argwhere(missing))
        raise DataError(
            f"{path}: {missing.any(axis=1).sum()} of {len(values)} rows have missing cells, expected a number in each: "
            f"{places}; fill them in, or leave out those rows with drop_missing=True"
        )

    kept = np.flatnonzero(~missing.any(axis=1))
    return values, kept


def _cells(path: Path, least: int = 2) -> tuple[list[str], list[list[str]], list[int]]:
    """The header, the cells of each row as text, and the line of the file on which each row ends."""
    if path.is_dir():
        raise IsADirectoryError(f"{path}: this is a folder, expected a CSV file; add the name of the file")
    if not path.exists():
        raise FileNotFoundError(
            f"{path}: there is no such file in {path.absolute().parent}"
            f"{_nearest(path.name, [found.name for found in path.parent.glob('*')])}; correct the path"
        )
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, skipinitialspace=True, strict=True)
        try:
            rows = [(reader.line_num, row) for row in reader if row not in ([], [""])]  # blank lines are not rows
        except csv.Error as error:
            raise DataError(f"{path}: line {reader.line_num} is not CSV: {error}; correct the quotes there") from error
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: not UTF-8 text ({error}); save it as CSV, UTF-8") from error
    if not rows:
        raise DataError(f"{path}: the file is empty, expected a line of column names and then rows of numbers")

    header = [name.strip() for name in rows[0][1]]
    check_header(path, header, least)
    if len(rows) == 1:
        raise DataError(f"{path}: there are column names but no rows, expected rows of numbers below them")
    for number, (line, row) in enumerate(rows[1:], start=1):
        if len(row) != len(header):
            raise DataError(
                f"{path}: cells in row {number} (line {line}): {len(row)}, expected {len(header)}, one per column: "
                f"{_listed(header)}; add or remove cells there (a text with a comma in it needs quotes)"
            )
    return header, [row for _, row in rows[1:]], [line for line, _ in rows[1:]]


def check_header(path: Path, header: list[str], least: int) -> None:
    """Raise unless the first line of a file names its columns, at least as many as are needed."""
    named = f"its first line has the column names {_listed(header)}"
    if len(header) < least or (len(header) == 1 and _other_separator(header)):
        raise DataError(
            f"{path}: {named}; expected a target and at least one feature, separated by commas"
            + _other_separator(header)
        )
    if all(_number(name) is not None for name in header):
        raise DataError(f"{path}: {named}, which are numbers or missing; add a first line that names the columns")
    if "" in header:
        raise DataError(f"{path}: {named}; column {header.index('') + 1} has no name: give it one, or remove it")
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise DataError(f"{path}: {named}; {_listed(repeated)} more than once: give each column its own name")


def _other_separator(header: list[str]) -> str:
    """What to do where the one name that was found has several in it."""
    for separator, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if separator in header[0]:
            return f", but it has {called}: save it with commas between the cells and points in the numbers"
    return ""


def _number(cell: str) -> float | None:
    """The number in a cell: nan when it is missing, None when it is text."""
    if cell.strip().lower() in MISSING_CELLS:
        return np.nan
    try:  # float() takes "1_000" as Python writes it; in a table it is a name more likely than a number
        return None if "_" in cell else float(cell)
    except ValueError:
        return None


def _nearest(name: str, valid: Iterable[str]) -> str:
    """A question that suggests the valid name most like this one, whatever the case of its letters; or nothing."""
    lowered = {candidate.lower(): candidate for candidate in valid}
    return "".join(f" (did you mean {lowered[match]!r}?)" for match in get_close_matches(name.lower(), lowered, n=1))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _shortened(places: Iterable[str], limit: int = 10) -> str:
    places = list(places)
    return "; ".join(places[:limit]) + (f"; and {len(places) - limit} more" if len(places) > limit else "")
