"""The estimators pass scikit-learn's own checks, and work in its pipelines and searches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microgd as mg

sklearn = pytest.importorskip("sklearn")

from sklearn.datasets import load_breast_cancer  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import PolynomialFeatures  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from microgd import MicrogdClassifier, MicrogdRegressor  # noqa: E402


@pytest.mark.parametrize("kind", [MicrogdRegressor, MicrogdClassifier])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_check_estimator_passes(kind: Any) -> None:
    results = check_estimator(kind(), on_fail=None)
    failed = [(result["check_name"], result["exception"]) for result in results if result["status"] == "failed"]
    assert not failed
    assert len(results) > 40


def test_a_linear_regressor_is_least_squares() -> None:
    cars = mg.data.load_cars()
    settings: dict[str, Any] = {
        "hidden": (),
        "optimizer": "sgd",
        "learning_rate": 0.15,
        "epochs": 6000,
        "batch_size": 32,
    }
    regressor = MicrogdRegressor(**settings, random_state=0).fit(cars.data, cars.target)
    design = np.column_stack([np.ones(32), cars.data])
    assert regressor.predict(cars.data) == pytest.approx(design @ np.linalg.lstsq(design, cars.target)[0], rel=1e-3)
    two = MicrogdRegressor(**settings, random_state=0).fit(cars.data, np.column_stack([cars.target, -cars.target]))
    assert two.predict(cars.data).shape == (32, 2)


def test_pipelines_cross_validation_and_grid_search() -> None:
    houses = mg.data.load_houses()
    model = make_pipeline(PolynomialFeatures(2), MicrogdRegressor(hidden=(), epochs=50, random_state=0))
    search = GridSearchCV(model, {"microgdregressor__learning_rate": [1e-4, 0.03]}, cv=3)
    search.fit(houses.data, houses.target)
    assert search.best_params_ == {"microgdregressor__learning_rate": 0.03}
    x, y = load_breast_cancer(return_X_y=True)
    scores = cross_val_score(MicrogdClassifier((10,), epochs=20, random_state=0), x, y, cv=3)
    assert scores.mean() > 0.95


def test_classes_may_be_words_and_probabilities_sum_to_one() -> None:
    cars = mg.data.load_cars()
    names = np.where(cars.data[:, 7] > 0, "manual", "automatic")
    classifier = MicrogdClassifier(epochs=30, random_state=0).fit(cars.data, names)
    assert set(classifier.predict(cars.data)) == {"manual", "automatic"}
    assert classifier.predict_proba(cars.data).sum(axis=1) == pytest.approx(np.ones(32))
    again = MicrogdClassifier(epochs=30, random_state=0).fit(cars.data, names)
    assert np.array_equal(classifier.predict_proba(cars.data), again.predict_proba(cars.data))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adm"}, "no optimizer 'adm' .did you mean 'adam'"),
        ({"hidden": 5}, r"hidden is 5; expected the units of each hidden layer, such as \(50,\)"),
        ({"l2": -1.0}, "l2 is -1.0; expected a number from 0"),
    ],
)
def test_settings_that_cannot_be_are_named_in_fit(settings: dict[str, Any], message: str) -> None:
    cars = mg.data.load_cars()
    with pytest.raises(ValueError, match=message):
        MicrogdRegressor(**settings).fit(cars.data, cars.target)


def test_without_scikit_learn_the_estimators_say_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "sklearn.py").write_text("raise ImportError('No module named sklearn')")
    path = os.pathsep.join([str(tmp_path), str(Path(mg.__file__).parents[1])])
    program = "import microgd as mg; mg.MicrogdRegressor"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert "need scikit-learn: pip install 'microgd[sklearn]'" in done.stderr.splitlines()[-1]
