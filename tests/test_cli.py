"""The command line: in this process, and in one of its own where that is the point."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

import microgd as mg
from microgd.cli import main

Finished = subprocess.CompletedProcess[str]
Run = Callable[..., Finished]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line with some arguments, in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Finished:
        command = [str(argument) for argument in arguments]
        try:
            code = main(command)
        except SystemExit as end:  # of argparse
            code = cast(int, end.code)
        said = capsys.readouterr()
        return subprocess.CompletedProcess(command, code, said.out, said.err)

    return run


def run_apart(*arguments: str | Path, cwd: Path, **variables: str) -> Finished:
    """The same in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "microgd", *map(str, arguments)]
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False, env=environment() | variables
    )
    # What the fonts of this machine make Graphviz say is not ours.
    done.stderr = "".join(line for line in done.stderr.splitlines(True) if not line.startswith("Fontconfig"))
    return done


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(mg.__file__).parents[1])}


def numbers_after(text: str, word: str) -> list[float]:
    line = next(line for line in text.splitlines() if line.strip().startswith(word))
    return [float(part) for part in line.split() if part.replace(".", "").replace("-", "").replace("e+", "").isdigit()]


def write_table(path: Path, rows: int = 200, seed: int = 0) -> None:
    generator = np.random.default_rng(seed)
    data = generator.normal([10.0, 2000.0, 0.5], [3.0, 500.0, 0.1], (rows, 3))
    target = data @ np.array([4.0, 0.01, -20.0]) + 7.0
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["alpha", "beta", "gamma", "price"])
        writer.writerows(np.column_stack([data, target]).tolist())


def test_train_houses_prints_and_writes_what_it_should(tmp_path: Path) -> None:
    done = run_apart("train", "houses", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0 and not done.stderr
    text = done.stdout
    assert "47 rows (29 to train on, 8 to validate, 10 to test), 2 features: size_sqft, bedrooms" in text
    assert "baseline loss" in text and "R²" in text
    assert {"history.csv", "model.safetensors"} <= {path.name for path in (tmp_path / "run").iterdir()}
    names = [line.split()[0] for line in text.splitlines() if line.startswith(("size_sqft", "bedrooms", "(intercept)"))]
    assert names == ["size_sqft", "bedrooms", "(intercept)"]
    with (tmp_path / "run" / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [*rows[0]] == ["epoch", "loss", "val_loss"] and rows[0]["epoch"] == "1"
    assert float(rows[-1]["loss"]) == pytest.approx(numbers_after(text, "train ")[0], rel=1e-4)


def test_the_pictures_are_drawn_where_there_is_something_to_draw_with(tmp_path: Path, run: Run) -> None:
    pytest.importorskip("matplotlib")
    pytest.importorskip("pygraphviz")
    done = run("train", "cars", "--epochs", "20")
    assert done.returncode == 0 and "not drawn" not in done.stdout
    assert (tmp_path / "run" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert "dense_1_kernel" in (tmp_path / "run" / "graph.svg").read_text()


def test_without_the_extra_it_trains_and_says_what_was_not_drawn(tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for name in ("matplotlib", "pygraphviz"):
        (hidden / f"{name}.py").write_text(f"raise ImportError('No module named {name}')")
    path = os.pathsep.join([str(hidden), environment()["PYTHONPATH"]])
    done = run_apart("train", "cars", "--epochs", "20", cwd=tmp_path, PYTHONPATH=path, PATH="")
    lines = [line for line in done.stdout.splitlines() if "not drawn" in line]
    assert done.returncode == 0 and len(lines) == 1
    assert "loss.png, graph.svg" in lines[0] and "pip install 'microgd[viz]'" in lines[0]


@pytest.mark.parametrize("table", ["houses", "cars"])
def test_the_defaults_reach_least_squares(
    table: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", table, "--test-split", "0", "--validation-split", "0"]) == 0
    data = mg.data.load_houses() if table == "houses" else mg.data.load_cars()
    design = np.column_stack([np.ones(len(data.data)), data.data])
    expected = np.linalg.lstsq(design, data.target)[0]
    text = capsys.readouterr().out
    found = {name: numbers_after(text, name)[-1] for name in (*data.feature_names, "(intercept)")}
    assert [found["(intercept)"], *(found[name] for name in data.feature_names)] == pytest.approx(expected, rel=1e-3)
    model = mg.load_model(tmp_path / "run" / "model.safetensors")
    assert model.predict(data.data)[:, 0] == pytest.approx(design @ expected, rel=1e-3)


def test_a_csv_file_with_chosen_columns_and_hidden_layers(tmp_path: Path, run: Run) -> None:
    write_table(tmp_path / "table.csv")
    done = run(
        *("train", "table.csv", "--target", "price", "--features", "gamma,alpha", "--hidden", "8,8", "--seed", "3"),
        *(
            "--activation",
            "tanh",
            "--epochs",
            "200",
            "--batch-size",
            "16",
            "--learning-rate",
            "0.05",
            "--momentum",
            "0",
        ),
        *("--validation-split", "0.1", "--test-split", "0.3", "--loss", "huber", "--optimizer", "sgd"),
    )
    assert done.returncode == 0, done.stderr
    assert "200 rows (126 to train on, 14 to validate, 60 to test), 2 features: gamma, alpha" in done.stdout
    assert numbers_after(done.stdout, "test")[-1] > 0.5
    assert done.stdout.count("epoch ") == 10


def test_quiet_prints_nothing_and_the_same_seed_gives_the_same_file(tmp_path: Path, run: Run) -> None:
    options = (
        "train",
        "cars",
        "--quiet",
        "--epochs",
        "200",
        "--hidden",
        "4",
        "--batch-size",
        "8",
        "--seed",
        "5",
        "--out",
    )
    for done in (run(*options, "one"), run(*options, "two"), run_apart(*options, "three", cwd=tmp_path)):
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    one, two, three = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "two", "three"))
    assert one == two == three


def test_classes_of_zero_and_one(tmp_path: Path, run: Run) -> None:
    done = run("train", "cars", "--target", "am", "--loss", "binary_crossentropy", "--epochs", "300")
    assert done.returncode == 0, done.stderr
    assert numbers_after(done.stdout, "train ")[-1] > 0.9 and "accuracy" in done.stdout
    refused = run("train", "cars", "--loss", "binary_crossentropy")
    assert refused.returncode == 2 and "needs a target of 0 and 1" in refused.stderr


def test_predict_writes_the_predictions_of_a_saved_model(tmp_path: Path, run: Run) -> None:
    write_table(tmp_path / "table.csv")
    assert run("train", "table.csv", "--epochs", "300", "--quiet").returncode == 0
    (tmp_path / "new.csv").write_text("gamma,beta,alpha,note\n0.5,2000,10,a\n0.4,1500,9,b\n")
    done = run("predict", "run/model.safetensors", "new.csv")
    name, *values = done.stdout.split()
    assert name == "price" and [float(value) for value in values] == pytest.approx([57.0, 50.0], abs=0.05)
    run("predict", "run/model.safetensors", "new.csv", "--out", "predicted.csv")
    assert (tmp_path / "predicted.csv").read_text() == done.stdout
    (tmp_path / "other.csv").write_text("gamma,alpha\n0.5,10\n")
    missing = run("predict", "run/model.safetensors", "other.csv")
    assert missing.returncode == 2 and "no column 'beta'" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "nowhere.csv"], "nowhere.csv: there is no such file"),
        (["train", "house"], "there is no source 'house': expected houses, cars, boston, or a CSV file"),
        (["train", "boston"], "MICROGD_DATA"),
        (["train", "houses", "--target", "prize"], "no column in houses 'prize'"),
        (["train", "houses", "--features", "price_usd"], "price_usd is the target and a feature"),
        (["train", "houses", "--epochs", "0"], "0 is not a whole number from 1"),
        (["train", "houses", "--test-split", "1.5"], "1.5 is not a number from 0 to less than 1"),
        (["train", "houses", "--momentum", "1"], "momentum is 1.0; expected"),
        (["train", "houses", "--learning-rate", "-1"], "-1 is not a number above 0"),
        (["train", "houses", "--activation", "rleu"], "invalid choice: 'rleu'"),
        (["train", "gaps.csv"], "2 of 3 rows have missing cells"),
        (["train", "text.csv"], "column 'b' is text"),
        (["train", "text.csv", "--target", "b", "--features", "a"], "choose another --target"),
        (["train", "houses", "--features", ","], "',' names nothing; expected A,B"),
        (["train", "houses", "--resume"], "--resume goes on from the state in --checkpoint-dir; give that too"),
        (["train", "empty.csv"], "the file is empty"),
        (["predict", "text.csv", "gaps.csv"], "is not a model file, or is truncated"),
        (["predict", "nowhere.safetensors", "gaps.csv"], "nowhere.safetensors"),
        ([], "COMMAND"),
    ],
)
def test_bad_usage_and_bad_input_end_with_2(arguments: list[str], message: str, tmp_path: Path, run: Run) -> None:
    (tmp_path / "gaps.csv").write_text("a,b\n1,\n,2\n3,4\n")
    (tmp_path / "text.csv").write_text("b,a\nx,1\ny,2\nz,4\n")
    (tmp_path / "empty.csv").write_text("")
    done = run(*arguments)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr


def test_divergence_ends_with_3_and_keeps_the_best_weights(tmp_path: Path, run: Run) -> None:
    done = run("train", "houses", "--learning-rate", "5", "--out", "run")
    assert done.returncode == 3 and "diverged in epoch" in done.stderr and "Traceback" not in done.stderr
    model = mg.load_model(tmp_path / "run" / "model.safetensors")
    assert np.isfinite(model.predict(mg.data.load_houses().data)).all()


def test_divergence_in_the_first_epoch_writes_a_history_of_none(tmp_path: Path, run: Run) -> None:
    write_table(tmp_path / "table.csv", rows=3000)
    done = run("train", "table.csv", "--learning-rate", "1e6", "--out", "run")
    assert done.returncode == 3 and "diverged in epoch 1" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "run" / "history.csv").read_text() == "epoch\n"


def start(*arguments: str, cwd: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "microgd", *arguments]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have turned it off for these tests
    try:
        return subprocess.Popen(
            command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
        )
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_ctrl_c_saves_what_was_learned(tmp_path: Path) -> None:
    process = start("train", "cars", "--epochs", "1000000", "--checkpoint-dir", "state", cwd=tmp_path)
    wait_for(tmp_path / "state" / "checkpoint.safetensors", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "interrupted in epoch" in err and "Traceback" not in err
    assert "R²" in out
    model = mg.load_model(tmp_path / "run" / "model.safetensors")
    assert mg.r2(mg.data.load_cars().target, model.predict(mg.data.load_cars().data)[:, 0]) > 0.5
    with (tmp_path / "run" / "history.csv").open() as file:
        assert len(list(file)) > 100


@pytest.mark.parametrize("stopping", [(), ("--early-stopping", "300", "--validation-split", "0.3")])
def test_a_killed_training_goes_on_and_ends_with_the_same_bits(
    stopping: tuple[str, ...], tmp_path: Path, run: Run
) -> None:
    options = ("train", "cars", "--epochs", "1000", "--hidden", "8", "--optimizer", "adam", "--quiet", *stopping)
    assert run(*options, "--out", "whole").returncode == 0
    kept = (*options, "--checkpoint-dir", "state", "--resume", "--out", "resumed")
    process = start(*kept, cwd=tmp_path)
    wait_for(tmp_path / "state" / "checkpoint.safetensors", process)
    process.kill()
    process.communicate()
    assert mg.load_model(tmp_path / "state" / "checkpoint.safetensors").epoch < 1000
    for _ in range(2):  # the second finds nothing left to do
        assert run(*kept).returncode == 0
        for name in ("model.safetensors", "history.csv"):
            assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "resumed" / name).read_bytes()
    other = run(*kept, "--hidden", "9")
    assert other.returncode == 2 and "is of another training: hidden was [8] there and is [9] here" in other.stderr


def test_a_training_that_came_to_rest_stays_at_rest(tmp_path: Path, run: Run) -> None:
    options = ("train", "houses", "--checkpoint-dir", "state", "--resume", "--out")
    assert run(*options, "one").returncode == 0
    epoch = mg.load_model(tmp_path / "state" / "checkpoint.safetensors").epoch
    assert f"trained for {epoch} epochs" not in run(*options, "two").stdout  # it goes on from the last checkpoint ...
    for name in ("model.safetensors", "history.csv"):  # ... to the same end
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_ten_thousand_rows_with_gaps_and_text_say_what_to_fix_and_then_train(tmp_path: Path, run: Run) -> None:
    write_table(tmp_path / "clean.csv", rows=10_000)
    with (tmp_path / "clean.csv").open() as file:
        header, *rows = list(csv.reader(file))
    for number in range(0, 10_000, 500):
        rows[number][number % 3] = ""
    with (tmp_path / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["town", *header], *(["Leeds", *row] for row in rows)])
    text = run("train", "table.csv")
    assert text.returncode == 2 and "'town' is text" in text.stderr
    assert "leave it out with --features alpha,beta,gamma" in text.stderr
    features = ("--features", "alpha,beta,gamma")
    gaps = run("train", "table.csv", *features)
    assert gaps.returncode == 2 and "20 of 10000 rows have missing cells" in gaps.stderr
    assert "leave out those rows with --drop-missing" in gaps.stderr
    done = run("train", "table.csv", *features, "--drop-missing", "--early-stopping", "3")
    assert done.returncode == 0 and numbers_after(done.stdout, "test")[-1] > 0.999
    refused = run("predict", "run/model.safetensors", "table.csv")
    assert refused.returncode == 2 and "leave out those rows with --drop-missing" in refused.stderr
    predicted = run("predict", "run/model.safetensors", "table.csv", "--drop-missing").stdout.split()
    assert predicted[0] == "price" and len(predicted) == 1 + 10_000 - 20
