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
from .layers import Activation, Dense, Flatten, Layer
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
from .models import Sequential
from .optimizers import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from .schedules import CosineDecay, ExponentialDecay, PiecewiseConstant
from .training import DivergenceError, Model

__all__ = [
    "SGD",
    "Activation",
    "Adagrad",
    "Adam",
    "AdamW",
    "CSVLogger",
    "Callback",
    "CosineDecay",
    "Dense",
    "DivergenceError",
    "EarlyStopping",
    "ExponentialDecay",
    "Flatten",
    "History",
    "LambdaCallback",
    "Layer",
    "LearningRateScheduler",
    "Model",
    "ModelCheckpoint",
    "Optimizer",
    "PiecewiseConstant",
    "RMSprop",
    "ReduceLROnPlateau",
    "Sequential",
    "TerminateOnNaN",
    "accuracy",
    "auc",
    "binary_crossentropy",
    "categorical_crossentropy",
    "elu",
    "gelu",
    "hinge",
    "huber",
    "initializers",
    "leaky_relu",
    "linear",
    "log_cosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "precision",
    "r2",
    "recall",
    "selu",
    "silu",
    "softsign",
    "sparse_categorical_crossentropy",
]
