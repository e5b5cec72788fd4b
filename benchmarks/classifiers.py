"""A small network of microgd's beside scikit-learn's MLPClassifier, with all that MLPClassifier does by default.

The same shape, epochs, batches of 200, Adam at 0.001, penalty (alpha / 2 batch) |w|², random order in each epoch, and
the same law of the first weights: uniform within ± sqrt(6 / (inputs + outputs)) of a layer, the biases too. Each draws
its random numbers in its own way.

Each round is a cross-validation: all rows are cut into five parts, and each part is predicted by a model that was
trained on the other four, so that the accuracy of a round counts every row once. (That of a single test part of breast
cancer moves in steps of 0.7 %, one row, which is more than there is to tell apart.) Prints, for each data set, the
medians over the rounds of accuracy and of the time for the five trainings, taken in turns in one process; and the mean
difference of the accuracies of a round with its standard error: what is within two of these may be chance.

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


def ours(seed):
    l2 = ALPHA / 2.0 / BATCH
    return LikeMLPClassifier(HIDDEN, epochs=EPOCHS, batch_size=BATCH, learning_rate=0.001, l2=l2, random_state=seed)


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
    print(f"{'data':<15} {'':<14} {'accuracy':>9} {'seconds':>9}")
    for load in (load_digits, load_breast_cancer):
        x, y = load(return_X_y=True)
        results = {ours: [], theirs: []}
        for number in range(ROUNDS):
            for make in (ours, theirs) if number % 2 else (theirs, ours):
                results[make].append(trained(make, x, y, number))
        for make, name in ((ours, "microgd"), (theirs, "MLPClassifier")):
            accuracy, seconds = (median(column) for column in zip(*results[make], strict=True))
            print(f"{load.__name__.removeprefix('load_'):<15} {name:<14} {accuracy:>9.4f} {seconds:>9.3f}")
        differences = [mine - other for (mine, _), (other, _) in zip(results[ours], results[theirs], strict=True)]
        error = stdev(differences) / len(differences) ** 0.5
        print(f"{'':<15} {'difference':<14} {mean(differences):>+9.4f} ± {error:.4f}, mean of {ROUNDS} rounds")


if __name__ == "__main__":
    main()
