"""Pictures of computation graphs and of training. What it draws with comes in the extra `viz`."""

from .checking import FormulaCheck, check_formula
from .drawing import Drawing, DrawingError, draw
from .events import Event
from .formulas import Formula, FormulaError, formula
from .landscape import loss_against_weight, loss_of, loss_slice, loss_surface
from .ledger import Ledger, Row, ledger
from .plots import LiveCurves, learning_rate_sweep, predicted_against_true, training_curves, weights_table
from .stepper import Stepper, step

__all__ = [
    "Drawing",
    "DrawingError",
    "Event",
    "Formula",
    "FormulaCheck",
    "FormulaError",
    "Ledger",
    "LiveCurves",
    "Row",
    "Stepper",
    "check_formula",
    "draw",
    "formula",
    "learning_rate_sweep",
    "ledger",
    "loss_against_weight",
    "loss_of",
    "loss_slice",
    "loss_surface",
    "predicted_against_true",
    "step",
    "training_curves",
    "weights_table",
]
