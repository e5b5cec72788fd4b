"""A trained model as a stand-alone Python file that needs nothing but NumPy."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .activations import linear
from .names import name_of

if TYPE_CHECKING:
    from .layer import Layer

FILE = '''\
"""A model trained by microgd, as a function of NumPy arrays."""

{imports}

{definitions}

def predict(x):
    """Return the predictions for some rows, shape (rows, ...)."""
    x = np.asarray(x, dtype=float)
    x = x.reshape(-1, 1) if x.ndim == 1 else x
{steps}
    return x
'''


class Exporter:
    """Collects what a stand-alone file has to hold: imports, constants and functions, each once."""

    def __init__(self) -> None:
        self.imports = {"np": "import numpy as np"}
        self.definitions: dict[str, str] = {}
        self.steps: list[str] = []

    def step(self, expression: str) -> None:
        """Add one step: x becomes the value of an expression of x."""
        self.steps.append(f"    x = {expression}")

    def constant(self, name: str, array: Any) -> str:
        """Add an array, to the last bit, and return the name that it has in the file."""
        array = np.asarray(array)
        name = name.upper()
        self.definitions[name] = f"{name} = np.array({array.tolist()!r}, dtype=np.{array.dtype}).reshape({array.shape})"
        return name

    def call(self, function: Callable[[Any], Any], expression: str) -> str:
        """Return the source of a call, after adding the function's own source unless it is NumPy's."""
        if function is linear:
            return expression
        name = name_of(function)
        if getattr(np, name, None) is function:
            return f"np.{name}({expression})"
        return f"{self.function(function)}({expression})"

    def function(self, function: Callable[..., Any]) -> str:
        """Add a function written in Python, and all that it uses; return its name."""
        plain: Any = inspect.unwrap(function)
        name = str(plain.__name__)
        if name in self.definitions:
            return name
        try:
            tree = ast.parse(textwrap.dedent(inspect.getsource(plain))).body[0]
        except (OSError, TypeError, SyntaxError):
            tree = None
        if not isinstance(tree, ast.FunctionDef):
            raise TypeError(f"{function!r} has no source that could stand in a file; write it with def, in a module.")
        for used in plain.__code__.co_names:
            thing = plain.__globals__.get(used)
            if isinstance(thing, ModuleType) and thing.__name__ not in ("numpy", "math"):
                raise TypeError(
                    f"{name} uses {thing.__name__}, which a stand-alone file cannot; import what it needs by name."
                )
            if isinstance(thing, ModuleType):
                self.imports[used] = f"import {thing.__name__}" + (f" as {used}" if used != thing.__name__ else "")
            elif isinstance(thing, float | int):
                self.definitions[used] = f"{used} = {thing!r}"
            elif callable(thing):
                self.function(thing)
        tree.decorator_list, tree.returns = [], None
        for argument in tree.args.args:
            argument.annotation = None
        if ast.get_docstring(tree):
            tree.body = tree.body[1:]
        self.definitions[name] = ast.unparse(tree) + "\n"
        return name

    def text(self) -> str:
        """Return the whole file."""
        return FILE.format(
            imports="\n".join(sorted(self.imports.values())),
            definitions="\n\n".join(self.definitions.values()),
            steps="\n".join(self.steps),
        )


def numpy_source(model: Layer) -> str:
    """Return a model as the source of a stand-alone Python module; see `Sequential.to_numpy_source`."""
    exporter = Exporter()
    model.export(exporter)
    return exporter.text()
