"""Tables to learn from, and what is done to them before training: split, scaled, cut in batches."""

from microgd.data.preparation import StandardScaler, batches, last_split, train_test_split
from microgd.data.tables import DataError, Table, load_boston, load_cars, load_houses, read_columns, read_csv

__all__ = [
    "DataError",
    "StandardScaler",
    "Table",
    "batches",
    "last_split",
    "load_boston",
    "load_cars",
    "load_houses",
    "read_columns",
    "read_csv",
    "train_test_split",
]
