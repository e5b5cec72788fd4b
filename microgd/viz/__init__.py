"""Pictures of computation graphs and of training. What it draws with comes in the extra `viz`."""

from .drawing import Drawing, DrawingError, draw
from .ledger import Ledger, Row, ledger

__all__ = ["Drawing", "DrawingError", "Ledger", "Row", "draw", "ledger"]
