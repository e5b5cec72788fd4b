"""Layers, losses, optimizers and training."""

from . import initializers
from .activations import elu, gelu, leaky_relu, linear, selu, silu, softsign
from .callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    History,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from .diagnosis import Diagnosis, RangeTest, diagnose, learning_rate_range_test
from .layer import Layer
from .layers import (
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNormalization,
    Normalization,
    Rescaling,
)
from .losses import (
    binary_crossentropy,
    categorical_crossentropy,
    hinge,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    sparse_categorical_crossentropy,
)
from .metrics import accuracy, auc, precision, r2, recall
from .minimizing import Trace, minimize
from .models import Sequential
from .optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from .regularizers import L1, L1L2, L2
from .saving import load_model
from .schedules import CosineDecay, ExponentialDecay, PiecewiseConstant
from .training import DivergenceError, Model

__all__ = [
    "L1",
    "L1L2",
    "L2",
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNormalization",
    "CSVLogger",
    "Callback",
    "CosineDecay",
    "Dense",
    "Diagnosis",
    "DivergenceError",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "ExponentialDecay",
    "Flatten",
    "History",
    "LambdaCallback",
    "Layer",
    "LayerNormalization",
    "LearningRateScheduler",
    "Model",
    "ModelCheckpoint",
    "Normalization",
    "Optimizer",
    "PiecewiseConstant",
    "RMSprop",
    "RangeTest",
    "ReduceLROnPlateau",
    "Rescaling",
    "Sequential",
    "TerminateOnNaN",
    "Trace",
    "accuracy",
    "auc",
    "binary_crossentropy",
    "categorical_crossentropy",
    "diagnose",
    "elu",
    "gelu",
    "hinge",
    "huber",
    "initializers",
    "leaky_relu",
    "learning_rate_range_test",
    "linear",
    "load_model",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "minimize",
    "precision",
    "r2",
    "recall",
    "selu",
    "silu",
    "softsign",
    "sparse_categorical_crossentropy",
]
