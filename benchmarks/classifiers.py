"""A small network of microgd's beside scikit-learn's MLPClassifier, with all that MLPClassifier does by default.

The same shape, epochs, batches of 200, Adam at 0.001, penalty (alpha / 2 batch) |w|², random order in each epoch, and
the same law of the first weights: uniform within ± sqrt(6 / (inputs + outputs)) of a layer, the biases too. Each draws
its random numbers in its own way.

Prints, for each data set, the medians over some splits of accuracy and training time, taken in turns in one process,
and the mean difference of the accuracies on the same split with its standard error: what is within two of these may be
chance.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/classifiers.py
"""

import time
import warnings
from statistics import mean, median, stdev

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import microgd as mg

SPLITS = 31
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


def main() -> None:
    warnings.simplefilter("ignore")  # MLPClassifier says that it has not converged
    print(f"{'data':<15} {'':<14} {'accuracy':>9} {'seconds':>9}")
    for load in (load_digits, load_breast_cancer):
        x, y = load(return_X_y=True)
        results = {ours: [], theirs: []}
        for split in range(SPLITS):
            x_train, x_test, y_train, y_test = train_test_split(x, y, random_state=split)
            scaler = StandardScaler().fit(x_train)
            for make in (ours, theirs) if split % 2 else (theirs, ours):
                began = time.perf_counter()
                model = make(split).fit(scaler.transform(x_train), y_train)
                took = time.perf_counter() - began
                results[make].append((model.score(scaler.transform(x_test), y_test), took))
        for make, name in ((ours, "microgd"), (theirs, "MLPClassifier")):
            accuracy, seconds = (median(column) for column in zip(*results[make], strict=True))
            print(f"{load.__name__.removeprefix('load_'):<15} {name:<14} {accuracy:>9.4f} {seconds:>9.3f}")
        differences = [mine - other for (mine, _), (other, _) in zip(results[ours], results[theirs], strict=True)]
        error = stdev(differences) / len(differences) ** 0.5
        print(f"{'':<15} {'difference':<14} {mean(differences):>+9.4f} ± {error:.4f}, mean of {SPLITS} splits")


if __name__ == "__main__":
    main()
