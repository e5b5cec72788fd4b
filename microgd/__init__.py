"""microgd: an autograd micro-framework on NumPy in which every edge of a gradient can be watched."""

__version__ = "0.1.0"
