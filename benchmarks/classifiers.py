"""A small network of microgd's beside scikit-learn's MLPClassifier: the same shape, epochs, batches and optimizer.

Prints, for each data set, the medians over some splits of accuracy and training time, taken in turns in one process.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/classifiers.py
"""

import time
import warnings
from statistics import median

from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import microgd as mg

SPLITS = 11
EPOCHS = 30
HIDDEN = (50,)
SETTINGS = {"batch_size": 32}


def ours(seed):
    return mg.MicrogdClassifier(hidden=HIDDEN, epochs=EPOCHS, learning_rate=0.001, random_state=seed, **SETTINGS)


def theirs(seed):
    never = EPOCHS + 1
    return MLPClassifier(HIDDEN, alpha=0.0, max_iter=EPOCHS, n_iter_no_change=never, random_state=seed, **SETTINGS)


def main() -> None:
    warnings.simplefilter("ignore")  # MLPClassifier says that it has not converged
    print(f"{'data':<15} {'':<14} {'accuracy':>9} {'seconds':>9}")
    for load in (load_digits, load_breast_cancer):
        x, y = load(return_X_y=True)
        results = {ours: [], theirs: []}
        for split in range(SPLITS):
            x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=split)
            scaler = StandardScaler().fit(x_train)
            for make, found in results.items():
                began = time.perf_counter()
                model = make(split).fit(scaler.transform(x_train), y_train)
                took = time.perf_counter() - began
                found.append((model.score(scaler.transform(x_test), y_test), took))
        for make, name in ((ours, "microgd"), (theirs, "MLPClassifier")):
            accuracy, seconds = (median(column) for column in zip(*results[make], strict=True))
            print(f"{load.__name__.removeprefix('load_'):<15} {name:<14} {accuracy:>9.4f} {seconds:>9.3f}")


if __name__ == "__main__":
    main()
