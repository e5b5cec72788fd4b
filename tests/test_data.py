"""The tables, the CSV reader, and what is done to rows before training."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import ArrayLike, NDArray

from microgd.data import (
    DataError,
    StandardScaler,
    Table,
    batches,
    last_split,
    load_boston,
    load_cars,
    load_houses,
    read_csv,
    train_test_split,
)

FloatArray = NDArray[np.float64]

NUMBERS = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20),
    elements=st.floats(-1e9, 1e9, allow_subnormal=False),
)


def least_squares(x: FloatArray, y: FloatArray) -> tuple[NDArray[Any], float]:
    """The coefficients, the intercept first, and the mean squared error."""
    design = np.column_stack([np.ones(len(x)), x])
    coefficients = np.linalg.lstsq(design, y)[0]
    return coefficients, float(np.mean((design @ coefficients - y) ** 2))


# The embedded tables


def test_houses_are_the_47_houses_of_portland() -> None:
    houses = load_houses()
    assert houses.data.shape == (47, 2) and houses.target.shape == (47,)
    assert houses.feature_names == ("size_sqft", "bedrooms") and houses.target_name == "price_usd"
    assert houses.data.sum(axis=0).tolist() == [94032.0, 149.0]
    assert houses.target.sum() == 15999395.0
    assert houses.data[-1].tolist() == [1203.0, 3.0] and houses.target[-1] == 239500.0
    assert "Portland" in houses.DESCR and "Andrew Ng" in houses.DESCR


def test_houses_have_the_known_least_squares_solution() -> None:
    houses = load_houses()
    coefficients, _ = least_squares(houses.data, houses.target)
    np.testing.assert_allclose(coefficients, [89597.91, 139.2107, -8738.02], rtol=1e-6)


def test_cars_are_the_32_cars_of_motor_trend() -> None:
    cars = load_cars()
    assert cars.data.shape == (32, 10) and cars.target.shape == (32,)
    assert cars.feature_names == ("cyl", "disp", "hp", "drat", "wt", "qsec", "vs", "am", "gear", "carb")
    assert cars.target_name == "mpg"
    assert cars.target.mean() == pytest.approx(20.090625, rel=1e-15)
    assert dict(zip(cars.feature_names, cars.data.mean(axis=0), strict=True)) == pytest.approx(
        {
            "cyl": 6.1875,
            "disp": 230.721875,
            "hp": 146.6875,
            "drat": 3.5965625,
            "wt": 3.21725,
            "qsec": 17.84875,
            "vs": 0.4375,
            "am": 0.40625,
            "gear": 3.6875,
            "carb": 2.8125,
        },
        rel=1e-14,
    )
    assert len(cars.row_names) == 32
    assert cars.row_names[-1] == "Volvo 142E" and cars.target[-1] == 21.4
    assert "Motor Trend" in cars.DESCR and "Henderson" in cars.DESCR


def test_cars_have_the_known_least_squares_solution() -> None:
    """The coefficients that R prints for lm(mpg ~ ., mtcars), to the digits that it prints."""
    cars = load_cars()
    coefficients, _ = least_squares(cars.data, cars.target)
    published = [12.30337, -0.11144, 0.01334, -0.02148, 0.78711, -3.71530, 0.82104, 0.31776, 2.52023, 0.65541, -0.19942]
    np.testing.assert_allclose(coefficients, published, atol=5e-6, rtol=0)


@pytest.mark.parametrize("load", [load_houses, load_cars])
def test_every_load_is_a_fresh_table_of_contiguous_float64(load: Any) -> None:
    table: Table = load()
    assert table.data.dtype == table.target.dtype == np.float64
    assert table.data.flags.c_contiguous and table.target.flags.c_contiguous
    before = table.data.copy()
    table.data[:] = 0
    assert np.array_equal(load().data, before)


def test_a_table_is_frozen_and_short_to_print() -> None:
    houses = load_houses()
    with pytest.raises(AttributeError):
        houses.target_name = "bedrooms"  # type: ignore[misc]
    assert repr(houses) == "<Table: 47 rows, price_usd from size_sqft, bedrooms>"


def test_loading_does_not_depend_on_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(load_houses().data) == 47


# Boston, which is not part of the package


def boston() -> Table:
    folders = [os.environ.get("MICROGD_DATA"), Path(__file__).parents[2] / "shared" / "data"]
    for folder in folders:
        if folder and (path := Path(folder, "boston_housing.csv")).exists():
            return load_boston(path)
    pytest.skip("boston_housing.csv is not here: set MICROGD_DATA to the folder that holds it")


def test_boston_has_the_known_least_squares_solution() -> None:
    table = boston()
    assert table.data.shape == (506, 12) and table.target_name == "medv"
    assert "b" not in table.feature_names and table.feature_names[-1] == "lstat"
    assert "lower-status population" in re.sub(r"\s+", " ", table.DESCR)
    coefficients, error = least_squares(StandardScaler().fit_transform(table.data), table.target)
    assert error == pytest.approx(22.429681439489926, rel=1e-13)
    assert coefficients[0] == pytest.approx(22.5328, abs=5e-5)
    weights = dict(zip(table.feature_names, coefficients[1:], strict=True))
    largest = sorted(weights, key=lambda name: -abs(weights[name]))[:5]
    assert {name: round(float(weights[name]), 4) for name in largest} == {
        "lstat": -3.9381,
        "dis": -3.1360,
        "rm": 2.5677,
        "rad": 2.5174,
        "nox": -2.1715,
    }


BOSTON_HEADER = "crim,zn,indus,chas,nox,rm,age,dis,rad,tax,ptratio,b,lstat,medv\n"
BOSTON_ROWS = "1,2,3,4,5,6,7,8,9,10,11,12,13,14\n" * 2


def test_boston_is_found_through_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "boston_housing.csv").write_text(BOSTON_HEADER + BOSTON_ROWS)
    monkeypatch.setenv("MICROGD_DATA", str(tmp_path))
    table = load_boston()
    assert table.data[0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13]
    assert table.target.tolist() == [14, 14]


def test_a_path_to_boston_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGD_DATA", "nowhere")
    path = tmp_path / "other.csv"
    path.write_text(BOSTON_HEADER + BOSTON_ROWS)
    assert load_boston(str(path)).target.tolist() == [14, 14]


@pytest.mark.parametrize("unset", [None, ""])
def test_boston_without_path_or_environment(unset: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MICROGD_DATA", raising=False)
    if unset is not None:
        monkeypatch.setenv("MICROGD_DATA", unset)
    with pytest.raises(FileNotFoundError) as caught:
        load_boston()
    assert str(caught.value) == (
        "boston_housing.csv: the environment variable MICROGD_DATA is not set; microgd does not carry the Boston "
        "table: give the path of the file, or set MICROGD_DATA to the folder that holds boston_housing.csv"
    )


def test_boston_absent_from_the_folder_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICROGD_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught:
        load_boston()
    assert str(caught.value).startswith(f"{tmp_path / 'boston_housing.csv'}: there is no such file; ")
    assert "set MICROGD_DATA to the folder" in str(caught.value)


def test_boston_with_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "boston_housing.csv"
    path.write_text((BOSTON_HEADER + BOSTON_ROWS).replace("lstat", "lstatus"))
    with pytest.raises(DataError, match=r"there is no column 'lstat' \(did you mean 'lstatus'\?\); it has 'crim', "):
        load_boston(path)


# The CSV reader


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "table.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def test_the_last_column_is_the_target_and_all_others_are_features(write: Any) -> None:
    table = read_csv(write("a,b,c\n1,2,3\n4,5,6\n"))
    assert table.feature_names == ("a", "b") and table.target_name == "c"
    assert table.data.tolist() == [[1, 2], [4, 5]] and table.target.tolist() == [3, 6]
    assert table.row_names == ()
    assert table.DESCR == "table.csv: 2 rows; c from a, b."


@pytest.mark.parametrize(
    ("target", "features", "data", "target_values"),
    [
        ("a", None, [[2, 3], [5, 6]], [1, 4]),
        (None, ["b"], [[2], [5]], [3, 6]),
        ("b", ["c", "a"], [[3, 1], [6, 4]], [2, 5]),
        ("b", ("a",), [[1], [4]], [2, 5]),
    ],
)
def test_target_and_features_are_chosen(
    target: str | None, features: Sequence[str] | None, data: object, target_values: object, write: Any
) -> None:
    table = read_csv(write("a,b,c\n1,2,3\n4,5,6\n"), target=target, features=features)
    assert table.data.tolist() == data and table.target.tolist() == target_values


@pytest.mark.parametrize(
    "content",
    [
        '"a","b"\n"1.5","-2e3"\n"0","4"\n',
        "a,b\r\n1.5,-2e3\r\n0,4\r\n",
        "\ufeffa,b\n1.5,-2e3\n0,4",
        "\n a , b\n\n 1.5 , -2e3\n   \n0,4\n\n",
        '\ufeff"a", "b"\r\n1.5, "-2e3"\r\n0, 4\r\n',
    ],
    ids=["quoted", "CRLF", "BOM, no last newline", "blank lines and spaces", "all at once"],
)
def test_the_ways_to_write_a_csv_file(content: str, write: Any) -> None:
    table = read_csv(write(content))
    assert table.feature_names == ("a",) and table.target_name == "b"
    assert table.data.tolist() == [[1.5], [0.0]] and table.target.tolist() == [-2000.0, 4.0]


def test_one_feature_may_be_given_by_its_name(write: Any) -> None:
    table = read_csv(write("size,rooms,price\n1,2,3\n4,5,6\n"), features="rooms")
    assert table.feature_names == ("rooms",) and table.data.tolist() == [[2], [5]]


def test_only_the_chosen_columns_need_numbers(write: Any) -> None:
    path = write('name,a,note,b\n"Smith, J.",1,,2\n"Jones\r\nAnn",3,"",4\n')
    table = read_csv(path, features=["a"], row_names="name")
    assert table.data.tolist() == [[1], [3]] and table.row_names == ("Smith, J.", "Jones\r\nAnn")


def test_row_names_are_no_feature_and_no_target(write: Any) -> None:
    table = read_csv(write("a,b,name\n1,2,x\n3,4,y\n"), row_names="name")
    assert table.feature_names == ("a",) and table.target_name == "b" and table.row_names == ("x", "y")


def test_rows_with_missing_cells_are_dropped_on_request(write: Any) -> None:
    path = write("name,a,b\nv,1,2\nw,,3\nx,4,NA \ny,nan,n/a\nz,5,6\n")
    table = read_csv(path, drop_missing=True, row_names="name")
    assert table.data.tolist() == [[1], [5]] and table.target.tolist() == [2, 6]
    assert table.row_names == ("v", "z")
    assert table.DESCR == "table.csv: 2 rows (3 with missing cells left out); b from a."


def test_missing_cells_matter_in_the_chosen_columns_only(write: Any) -> None:
    assert len(read_csv(write("a,b,c\n1,,2\n3,,4\n"), features=["a"]).data) == 2


def test_places_count_lines_as_an_editor_does(write: Any) -> None:
    with pytest.raises(DataError, match=r"row 2 \(line 5\), column 'a' is 'x'"):
        read_csv(write("\na,b,note\n\n1,2,n\nx,4,n\n"), target="b", features=["a"])


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("", {}, "the file is empty, expected a line of column names and then rows of numbers"),
        ("\n\n", {}, "the file is empty, expected a line of column names and then rows of numbers"),
        ("a,b\n", {}, "there are column names but no rows, expected rows of numbers below them"),
        (
            "a;b\n1;2\n",
            {},
            "its first line has the column names 'a;b'; expected a target and at least one feature, separated "
            "by commas, but it has semicolons: save it with commas between the cells and points in the numbers",
        ),
        (
            "a\tb\n1\t2\n",
            {},
            "its first line has the column names 'a\\tb'; expected a target and at least one feature, separated "
            "by commas, but it has tabs: save it with commas between the cells and points in the numbers",
        ),
        (
            'a,b\n"1,5",2\n"2,5",3\n',
            {},
            "column 'a' is text (such as '1,5'), expected numbers; write its numbers with a point for the "
            "decimal comma",
        ),
        (
            "1,2\n3,4\n",
            {},
            "its first line has the column names '1', '2', which are numbers or missing; add a first line that names "
            "the columns",
        ),
        (
            "a,,b\n1,2,3\n",
            {},
            "its first line has the column names 'a', '', 'b'; column 2 has no name: give it one, or remove it",
        ),
        (
            "a,b,a,c,c\n1,2,3,4,5\n",
            {},
            "its first line has the column names 'a', 'b', 'a', 'c', 'c'; 'a', 'c' more than once: give each column "
            "its own name",
        ),
        (
            "size,price\n1,2\n3,4\n",
            {"target": "Prize"},
            "there is no column 'Prize' (did you mean 'price'?); it has 'size', 'price'",
        ),
        ("size,price\n1,2\n3,4\n", {"target": "mpg"}, "there is no column 'mpg'; it has 'size', 'price'"),
        (
            "size,price\n1,2\n3,4\n",
            {"features": ["size", "SIZES"]},
            "there is no column 'SIZES' (did you mean 'size'?); it has 'size', 'price'",
        ),
        ("a,b\n1,2\n3,4\n", {"row_names": "name"}, "there is no column 'name'; it has 'a', 'b'"),
        (
            "a,b\n1,2\n3,4\n",
            {"features": []},
            "the target is 'b' and the features are []; expected at least one feature, each named once and none of "
            "them the target; choose them from 'a', 'b' with target= and features=",
        ),
        (
            "a,b\n1,2\n3,4\n",
            {"features": ["b"]},
            "the target is 'b' and the features are ['b']; expected at least one feature, each named once and none of "
            "them the target; choose them from 'a', 'b' with target= and features=",
        ),
        (
            "a,b\n1,2\n3,4\n",
            {"features": ["a", "a"]},
            "the target is 'b' and the features are ['a', 'a']; expected at least one feature, each named once and "
            "none of them the target; choose them from 'a', 'b' with target= and features=",
        ),
        (
            "a,b\n1,2\n3\n",
            {},
            "cells in row 2 (line 3): 1, expected 2, one per column: 'a', 'b'; add or remove cells there (a text "
            "with a comma in it needs quotes)",
        ),
        (
            "a,b\n1,2,3\n4,5\n",
            {},
            "cells in row 1 (line 2): 3, expected 2, one per column: 'a', 'b'; add or remove cells there (a text "
            "with a comma in it needs quotes)",
        ),
        (
            "a,b\n1,2\n3,many\n",
            {},
            "row 2 (line 3), column 'b' is 'many', expected a finite number; correct it in the file",
        ),
        (
            'a,b\n1,2\n"1,000",4\n',
            {},
            "row 2 (line 3), column 'a' is '1,000', expected a finite number; correct it in the file",
        ),
        (
            "a,b\n1,2\n1_000,4\n",
            {},
            "row 2 (line 3), column 'a' is '1_000', expected a finite number; correct it in the file",
        ),
        (
            "a,b\n-inf,2\n3,4\n",
            {},
            "row 1 (line 2), column 'a' is '-inf', expected a finite number; correct it in the file",
        ),
        (
            "a,b\n1,2\n3,1e999\n",
            {"drop_missing": True},
            "row 2 (line 3), column 'b' is '1e999', expected a finite number; correct it in the file",
        ),
        (
            "model,wt,mpg\n,1,2\nFiat,3,4\n",
            {},
            "column 'model' is text (such as 'Fiat'), expected numbers; leave it out with features=['wt']",
        ),
        (
            "model,wt,mpg\nFiat,1,2\nAudi,3,4\n",
            {"target": "model"},
            "column 'model' is text (such as 'Fiat'), expected numbers; choose another target=",
        ),
        (
            "model,mpg\nFiat,2\nAudi,4\n",
            {},
            "column 'model' is text (such as 'Fiat'), expected numbers; choose features= that hold numbers",
        ),
        (
            "a,b\n1,2\n,4\n5,NA\n6,7\nNaN,null\n",
            {},
            "3 of 5 rows have missing cells, expected a number in each: row 2 (line 3), column 'a'; "
            "row 3 (line 4), column 'b'; row 5 (line 6), column 'a'; row 5 (line 6), column 'b'; "
            "fill them in, or leave out those rows with drop_missing=True",
        ),
        (
            "a,b\n1,2\n",
            {},
            "1 of 1 rows can be used, expected at least 2: nothing can be learnt from fewer; give a file with more "
            "rows",
        ),
        (
            "a,b\n1,2\n,3\n,4\n",
            {"drop_missing": True},
            "1 of 3 rows can be used (2 with missing cells left out), expected at least 2: nothing can be learnt from "
            "fewer; give a file with more rows",
        ),
        ('a,b\n1,2\n"3,4\n', {}, "line 3 is not CSV: unexpected end of data; correct the quotes there"),
    ],
)
def test_bad_csv_content(content: str, arguments: dict[str, Any], message: str, write: Any) -> None:
    path = write(content)
    with pytest.raises(DataError) as caught:
        read_csv(path, **arguments)
    assert str(caught.value) == f"{path}: {message}"


def test_a_file_that_is_not_text(write: Any) -> None:
    with pytest.raises(DataError, match=r"not UTF-8 text \(.* can't decode byte 0xff .*\); save it as CSV, UTF-8$"):
        read_csv(write(b"a,b\n1,\xff\n"))


def test_many_missing_cells_are_named_ten_at_most(write: Any) -> None:
    with pytest.raises(DataError, match=r"12 of 12 rows .*row 10 \(line 11\), column 'b'; and 2 more; fill"):
        read_csv(write("a,b\n" + "1,\n" * 12))


def test_no_file(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text("")
    with pytest.raises(FileNotFoundError) as caught:
        read_csv(tmp_path / "hauses.csv")
    assert str(caught.value) == (
        f"{tmp_path / 'hauses.csv'}: there is no such file in {tmp_path} (did you mean 'houses.csv'?); correct the path"
    )


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no such file in .*nowhere; correct the path"):
        read_csv(tmp_path / "nowhere" / "houses.csv")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=r"this is a folder, expected a CSV file; add the name of the file"):
        read_csv(str(tmp_path))


# Splits


@settings(deadline=None)
@given(st.integers(2, 60), st.floats(0.01, 0.99), st.integers(0, 2**32), st.booleans())
@example(rows=333, size=0.2, seed=0, shuffle=True)
def test_a_split_is_a_partition_that_keeps_pairs(rows: int, size: float, seed: int, shuffle: bool) -> None:
    x, y = np.arange(3 * rows).reshape(rows, 3), 3 * np.arange(rows)
    count = int(np.ceil(np.round(size * rows, 9)))
    if count == rows:
        with pytest.raises(DataError, match="cannot set apart"):
            train_test_split(x, y, size, shuffle, seed)
        return
    x_train, x_test, y_train, y_test = train_test_split(x, y, size, shuffle, seed)
    assert len(x_test) == len(y_test) == count and len(x_train) == len(y_train) == rows - count
    assert sorted([*y_train, *y_test]) == y.tolist()
    assert np.array_equal(x_train[:, 0], y_train) and np.array_equal(x_test[:, 0], y_test)
    if not shuffle:
        assert np.array_equal(y_train, y[: rows - count])


@pytest.mark.parametrize(
    ("rows", "size", "last"),
    [
        (506, 0.25, 127),
        (506, 173, 173),
        (333, 0.2, 67),
        (100, 0.07, 7),
        (10, 0.3, 3),
        (2, 0.5, 1),
        (47, 0.001, 1),
        (47, 1, 1),
        (47, np.int64(46), 46),
        (10, np.float32(0.5), 5),
    ],
)
def test_the_size_is_a_fraction_rounded_up_or_a_count(rows: int, size: float, last: int) -> None:
    first_x, last_x, first_y, last_y = last_split(np.arange(rows), np.arange(rows), size)
    assert last_x.tolist() == last_y.tolist() == list(range(rows - last, rows))
    assert first_x.tolist() == first_y.tolist() == list(range(rows - last))


def test_the_last_split_copies_nothing() -> None:
    x, y = np.zeros((5, 2), np.float32), np.zeros(5)
    x_first, x_last, y_first, y_last = last_split(x, y, 2)
    assert x_first.base is x and x_last.base is x and y_first.base is y and y_last.base is y
    assert x_last.dtype == np.float32


def test_the_same_seed_gives_the_same_split_and_another_seed_another() -> None:
    x = y = np.arange(50)
    splits = [train_test_split(x, y, seed=seed)[1].tolist() for seed in (1, 1, np.random.default_rng(1), 2)]
    assert splits[0] == splits[1] == splits[2] != splits[3]
    assert splits[0] != list(range(37, 50))


def test_no_seed_gives_another_split_each_time_and_leaves_the_global_state_alone() -> None:
    x = np.arange(1000)
    before = str(np.random.get_state())  # noqa: NPY002 - the legacy state is what must not change
    assert train_test_split(x, x)[1].tolist() != train_test_split(x, x)[1].tolist()
    assert str(np.random.get_state()) == before  # noqa: NPY002


@pytest.mark.parametrize(
    "size", [0, 0.0, 1.0, 1.5, -1, -0.5, 10, 11, float("nan"), float("inf"), 0.99, True, "half", None]
)
def test_sizes_that_leave_a_part_empty_or_mean_nothing(size: Any) -> None:
    with pytest.raises(DataError) as caught:
        train_test_split(np.arange(10), np.arange(10), test_size=size)
    assert str(caught.value) == (
        f"cannot set apart {size!r} of 10 rows: expected a fraction between 0 and 1, or a whole number of rows, that "
        "leaves at least one row in each part; give another size, or more rows"
    )


def test_one_row_cannot_be_split() -> None:
    with pytest.raises(DataError, match=r"cannot set apart 0\.5 of 1 rows: .* or more rows"):
        last_split([[1.0]], [1.0], 0.5)


@pytest.mark.parametrize("function", [train_test_split, lambda x, y: last_split(x, y, 0.5), lambda x, y: batches(x, y)])
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (
            np.zeros((3, 2)),
            np.zeros(4),
            r"x has 3 rows and y has 4, of shapes \(3, 2\) and \(4,\); expected one row of y",
        ),
        (3.0, np.zeros(4), r"x has no rows: got float of shape \(\), expected an array of shape \(rows, \.\.\.\)"),
        (np.zeros(4), {}, r"y has no rows: got dict of shape \(\), expected an array of shape \(rows, \.\.\.\)"),
        (np.zeros((0, 2)), [], r"x has no rows: got ndarray of shape \(0, 2\), expected an array of shape"),
        ([[1, 2], [3]], [1, 2], r"x is ragged: .*inhomogeneous.*; give every row the same length"),
    ],
)
def test_rows_that_do_not_pair(function: Any, x: ArrayLike, y: ArrayLike, message: str) -> None:
    with pytest.raises(DataError, match=message):
        function(x, y)


# Batches


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 70), st.integers(0, 2**32), st.booleans())
def test_batches_cover_every_row_once(rows: int, batch_size: int, seed: int, shuffle: bool) -> None:
    x, y = np.arange(2 * rows).reshape(rows, 2), 2 * np.arange(rows)
    pairs = list(batches(x, y, batch_size, shuffle, seed))
    full, rest = divmod(rows, batch_size)
    assert [len(y_batch) for _, y_batch in pairs] == [batch_size] * full + [rest] * (rest > 0)
    assert all(np.array_equal(x_batch[:, 0], y_batch) for x_batch, y_batch in pairs)
    order = np.concatenate([y_batch for _, y_batch in pairs])
    assert np.array_equal(np.sort(order) if shuffle else order, y)
    alone = list(batches(x, batch_size=batch_size, shuffle=shuffle, seed=seed))
    assert all(np.array_equal(one, pair[0]) for one, pair in zip(alone, pairs, strict=True))
    if batch_size <= rows:
        kept = list(batches(x, y, batch_size, shuffle, seed, drop_last=True))
        assert [len(y_batch) for _, y_batch in kept] == [batch_size] * full
        assert all(np.array_equal(one[1], pair[1]) for one, pair in zip(kept, pairs, strict=False))


def test_a_batch_size_above_the_rows_gives_one_short_batch() -> None:
    assert [len(batch) for batch in batches(load_houses().data, batch_size=64)] == [47]


def test_a_seed_repeats_the_order_and_a_generator_goes_on() -> None:
    x = np.arange(100)

    def order(seed: int | np.random.Generator) -> list[int]:
        return [row for batch in batches(x, shuffle=True, seed=seed) for row in batch.tolist()]

    generator = np.random.default_rng(7)
    first, second = order(generator), order(generator)
    assert order(7) == order(7) == first != second
    assert first != x.tolist()


def test_unshuffled_batches_are_views_and_keep_the_dtype() -> None:
    x = np.zeros((5, 2), np.float32)
    assert all(batch.base is x and batch.dtype == np.float32 for batch in batches(x, batch_size=2))
    assert all(batch.dtype == np.float32 for batch in batches(x, batch_size=2, shuffle=True, seed=0))


@pytest.mark.parametrize("batch_size", [0, -1, 0.5, 2.0, True, None, "all"])
def test_a_batch_size_that_is_no_number_of_rows(batch_size: Any) -> None:
    with pytest.raises(DataError) as caught:
        batches(np.zeros(47), batch_size=batch_size)  # at the call, before the first batch is asked for
    assert str(caught.value) == (
        f"batch_size is {batch_size!r}: expected a whole number of rows, at least 1, since 47 rows make at most 47 "
        "batches; give one from 1 to 47"
    )


def test_dropping_the_only_batch() -> None:
    with pytest.raises(DataError) as caught:
        batches(np.zeros(47), batch_size=48, drop_last=True)
    assert str(caught.value) == (
        "batch_size is 48, but there are only 47 rows: drop_last=True leaves no batch at all; give a batch_size from 1 "
        "to 47, or drop_last=False"
    )


# Scaling


def test_the_scaler_uses_the_population_deviation() -> None:
    scaler = StandardScaler()
    scaled = scaler.fit_transform([[1, 10], [2, 20], [3, 30], [4, 60]])
    assert scaler.mean_.tolist() == [2.5, 30.0]
    np.testing.assert_allclose(scaler.scale_, [np.sqrt(1.25), np.sqrt(350)], rtol=1e-15)
    np.testing.assert_allclose(scaled[0], [-1.5 / np.sqrt(1.25), -20 / np.sqrt(350)], rtol=1e-15)
    np.testing.assert_allclose(scaled.mean(axis=0), [0, 0], atol=1e-15)
    np.testing.assert_allclose(scaled.std(axis=0), [1, 1], rtol=1e-15)


def test_new_rows_are_scaled_with_what_was_fitted() -> None:
    scaler = StandardScaler().fit([[0.0], [4.0]])
    assert scaler.transform([[6.0], [2.0], [2.0]]).tolist() == [[2.0], [0.0], [0.0]]
    assert scaler.inverse_transform([[2.0]]).tolist() == [[6.0]]


@pytest.mark.parametrize("constant", [0.0, 7.0, 0.1, 1e-320, -1e300])
def test_a_constant_column_becomes_exactly_zero(constant: float) -> None:
    x = np.column_stack([np.full(10, constant), np.arange(10.0)])
    scaler = StandardScaler()
    assert scaler.fit_transform(x)[:, 0].tolist() == [0.0] * 10
    assert scaler.scale_[0] == 1.0 and scaler.mean_[0] == constant
    assert scaler.inverse_transform(scaler.transform(x))[:, 0].tolist() == [constant] * 10


def test_a_column_whose_deviation_underflows_is_not_divided_by_zero() -> None:
    scaler = StandardScaler().fit([[0.0], [1e-200]])
    assert scaler.scale_.tolist() == [1.0] and np.isfinite(scaler.transform([[1.0]])).all()


def test_a_column_whose_squares_overflow_is_refused() -> None:
    with pytest.raises(DataError) as caught:
        StandardScaler().fit([[1.0, -1e200], [2.0, 3.0]])
    assert str(caught.value) == (
        "column 1 of x (counted from 0) goes from -1e+200 to 3: its squares overflow, expected numbers below 1e154; "
        "correct or rescale them"
    )


@settings(deadline=None)
@given(NUMBERS)
def test_scaling_there_and_back_is_the_identity(x: FloatArray) -> None:
    scaler = StandardScaler()
    scaled = scaler.fit_transform(x)
    assert scaled.shape == x.shape
    tolerance = 1e-14 * np.abs(x).max(axis=0)
    assert (np.abs(scaler.inverse_transform(scaled) - x) <= tolerance).all()
    assert (scaler.scale_ > 0).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_a_floating_dtype_is_kept(dtype: Any) -> None:
    scaler = StandardScaler()
    x = np.array([[1, 2], [3, 5]], dtype)
    assert scaler.fit_transform(x).dtype == scaler.inverse_transform(x).dtype == dtype
    assert scaler.mean_.dtype == scaler.scale_.dtype == np.float64


def test_a_float32_column_is_averaged_in_float64() -> None:
    x = np.full((100_000, 1), 0.1, np.float32)
    x[0] = 0.2
    assert StandardScaler().fit(x).mean_[0] == pytest.approx(x.astype(np.float64).mean(), rel=1e-15)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_])
def test_whole_numbers_become_float64(dtype: Any) -> None:
    scaler = StandardScaler()
    x = np.array([[0], [1]], dtype)
    assert scaler.fit_transform(x).tolist() == [[-1.0], [1.0]]
    assert scaler.transform(x).dtype == scaler.inverse_transform(x).dtype == np.float64


def test_the_scaler_changes_no_argument() -> None:
    x = np.array([[1.0], [3.0]])
    StandardScaler().fit(x).inverse_transform(x)
    StandardScaler().fit_transform(x)
    assert x.tolist() == [[1.0], [3.0]]


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
class TestScalerNotReady:
    def test_not_fitted(self, method: str) -> None:
        with pytest.raises(DataError) as caught:
            getattr(StandardScaler(), method)([[1.0]])
        assert str(caught.value) == (
            "the scaler is not fitted: it has no mean_ and scale_ yet; call fit(x_train) first"
        )

    def test_another_number_of_columns(self, method: str) -> None:
        with pytest.raises(DataError) as caught:
            getattr(StandardScaler().fit(np.zeros((4, 3))), method)(np.zeros((4, 2)))
        assert str(caught.value) == (
            "x has shape (4, 2), but the scaler was fitted on 3 columns; give the columns of fit, in the same order"
        )


@pytest.mark.parametrize("method", ["fit", "transform", "inverse_transform", "fit_transform"])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (
            [[1.0, 2.0], [3.0, np.nan], [np.inf, 4.0]],
            "cells of x that are not finite: 2, the first is nan in row 1, column 1 (counted from 0); leave out or "
            "fill in such rows",
        ),
        (
            np.array([[-np.inf, 1.0]], np.float32),
            "cells of x that are not finite: 1, the first is -inf in row 0, column 0 (counted from 0); leave out or "
            "fill in such rows",
        ),
        ([1.0, 2.0], "x has shape (2,), expected (rows, columns); make a single column of it with reshape(-1, 1)"),
        ([["1", "2"]], "x has dtype <U1, expected real numbers; convert its cells to float first"),
        ([[1j, 2.0]], "x has dtype complex128, expected real numbers; convert its cells to float first"),
        ([[None, 2.0]], "x has dtype object, expected real numbers; convert its cells to float first"),
        (None, "x has no rows: got NoneType of shape (), expected an array of shape (rows, ...)"),
        (np.zeros((0, 2)), "x has no rows: got ndarray of shape (0, 2), expected an array of shape (rows, ...)"),
    ],
)
def test_what_cannot_be_scaled(x: Any, message: str, method: str) -> None:
    scaler = StandardScaler().fit([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(DataError) as caught:
        getattr(scaler, method)(x)
    assert str(caught.value) == message
    assert scaler.mean_.tolist() == [2.0, 3.0]  # a refused fit leaves the old one


# The package


def test_the_public_names_are_declared() -> None:
    import microgd.data

    assert all(hasattr(microgd.data, name) for name in microgd.data.__all__)
    assert {
        "load_houses",
        "load_cars",
        "load_boston",
        "read_csv",
        "train_test_split",
        "StandardScaler",
        "batches",
    } <= set(microgd.data.__all__)


def test_importing_the_package_loads_numpy_and_the_standard_library_only() -> None:
    program = (
        "import sys, numpy.random; known = set(sys.modules); import microgd.data; print(*set(sys.modules) - known)"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert {name.split(".")[0] for name in loaded} - set(sys.stdlib_module_names) == {"microgd", "numpy"}
