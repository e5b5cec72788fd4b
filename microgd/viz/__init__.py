"""Pictures of computation graphs and of training. What it draws with comes in the extra `viz`."""

from .drawing import Drawing, DrawingError, draw

__all__ = ["Drawing", "DrawingError", "draw"]
