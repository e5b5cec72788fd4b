"""Small networks of microgd's beside scikit-learn's MLPClassifier, with what MLPClassifier does by default.

The same shape, epochs, Adam at 0.001, and random order in each epoch. "microgd" is `MicrogdClassifier` with batches of
100 and a penalty of 0.003 |w|², which were chosen by cross-validation with other seeds (100 to 105) than those that are
compared here. "The same settings" has MLPClassifier's batches of 200, its penalty (alpha / 2 batch) |w|², and its law
of the first biases: uniform within ± sqrt(6 / (inputs + outputs)) of a layer. Each draws its numbers its own way.

Each round is a cross-validation: all rows are cut into five parts, and each part is predicted by a model that was
trained on the other four, so that the accuracy of a round counts every row once. (That of a single test part of breast
cancer moves in steps of 0.7 %, one row, which is more than there is to tell apart.) Prints, for each data set, the
medians over the rounds of accuracy and of the time for the five trainings, taken in turns in one process; and the mean
difference of a round's accuracy from MLPClassifier's with its standard error: what is within two of these may be
chance.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python -m benchmarks.classifiers
"""

import time
import warnings
from statistics import mean, median, stdev

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import microgd as mg

ROUNDS = 15
PARTS = 5
EPOCHS = 100
HIDDEN = (50,)
BATCH = 200
ALPHA = 1e-4


class LikeMLPClassifier(mg.MicrogdClassifier):
    """MicrogdClassifier with the first biases of MLPClassifier's law; they are 0 else."""

    def network(self, features, outputs):
        layers = super().network(features, outputs)
        for inputs, layer in zip((features, *self.hidden), layers, strict=True):
            bound = np.sqrt(6.0 / (inputs + layer.units))
            layer.bias_initializer = lambda shape, generator, bound=bound: generator.uniform(-bound, bound, shape)
        return layers


def settings(seed, batch, l2):
    return {"epochs": EPOCHS, "batch_size": batch, "learning_rate": 0.001, "l2": l2, "random_state": seed}


def ours(seed):
    return mg.MicrogdClassifier(HIDDEN, **settings(seed, 100, 0.003))


def the_same(seed):
    return LikeMLPClassifier(HIDDEN, **settings(seed, BATCH, ALPHA / 2.0 / BATCH))


def theirs(seed):
    never = EPOCHS + 1
    return MLPClassifier(
        HIDDEN, alpha=ALPHA, batch_size=BATCH, max_iter=EPOCHS, n_iter_no_change=never, random_state=seed
    )


def trained(make, x, y, seed):
    """Return the accuracy over all rows, each predicted by a model that did not see it, and the time of training."""
    right, took = 0, 0.0
    for train, test in StratifiedKFold(PARTS, shuffle=True, random_state=seed).split(x, y):
        scaler = StandardScaler().fit(x[train])
        began = time.perf_counter()
        model = make(seed).fit(scaler.transform(x[train]), y[train])
        took += time.perf_counter() - began
        right += int(np.sum(model.predict(scaler.transform(x[test])) == y[test]))
    return right / len(x), took


def main() -> None:
    warnings.simplefilter("ignore")  # MLPClassifier says that it has not converged
    makers = {"microgd": ours, "microgd, the same settings": the_same, "MLPClassifier": theirs}
    print(f"{'data':<14} {'':<27} {'accuracy':>9} {'seconds':>9}   difference, mean of {ROUNDS} rounds")
    for load in (load_digits, load_breast_cancer):
        x, y = load(return_X_y=True)
        results = {name: [] for name in makers}
        for number in range(ROUNDS):
            for name in list(makers)[:: 1 if number % 2 else -1]:
                results[name].append(trained(makers[name], x, y, number))
        for name, rounds in results.items():
            accuracy, seconds = (median(column) for column in zip(*rounds, strict=True))
            line = f"{load.__name__.removeprefix('load_'):<14} {name:<27} {accuracy:>9.4f} {seconds:>9.3f}"
            differences = [mine - other for (mine, _), (other, _) in zip(rounds, results["MLPClassifier"], strict=True)]
            if any(differences):
                line += f"   {mean(differences):+.4f} ± {stdev(differences) / len(differences) ** 0.5:.4f}"
            print(line)


if __name__ == "__main__":
    main()
