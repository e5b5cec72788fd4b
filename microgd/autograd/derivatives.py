"""Derivatives of functions: grad, jacobian, hessian and their kin, to any order.

Each of them calls the function once, on fresh Values, and walks back over what was recorded. Arguments may be nested
dicts, lists and tuples of arrays. No `grad` of a Value of the caller's is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from itertools import islice
from typing import Any

import numpy as np

from .backward import edges, graph, ones_like
from .operators import namespace
from .rules.elementwise import is_complex
from .value import Value, apply, enable_grad, recording

Tree = Any  # a number, an array or a Value; or a dict, list or tuple of trees
Function = Callable[..., Any]


# Trees ----------------------------------------------------------------------------------------------------------------


def leaves_of(tree: Tree) -> list[Any]:
    """Return the arrays of a nested dict, list or tuple, in order."""
    if isinstance(tree, dict):
        return [leaf for part in tree.values() for leaf in leaves_of(part)]
    if isinstance(tree, list | tuple):
        return [leaf for part in tree for leaf in leaves_of(part)]
    return [tree]


def map_tree(function: Function, tree: Tree, *others: Tree) -> Tree:
    """Return a tree of the same structure, with a function applied to corresponding leaves."""
    if isinstance(tree, dict):
        return {key: map_tree(function, part, *(other[key] for other in others)) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        parts = [map_tree(function, *together) for together in zip(tree, *others, strict=True)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return function(tree, *others)


def flattened(tree: Tree) -> tuple[Any, Callable[[Any], Tree]]:
    """Return the arrays of a tree as one flat vector, and the function that makes such a tree of such a vector."""
    leaves = [np.asarray(leaf, dtype=float) for leaf in leaves_of(tree)]
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]

    def unflattened(flat: Any) -> Tree:
        parts = iter(np.split(np.array(flat, dtype=float), cuts))
        return map_tree(lambda leaf: next(parts).reshape(np.shape(leaf)) if np.ndim(leaf) else next(parts).item(), tree)

    return np.concatenate([leaf.ravel() for leaf in leaves]), unflattened


# The engine -----------------------------------------------------------------------------------------------------------


class Call:
    """One call of a function on fresh Values, ready to be pulled back to the arguments chosen by `argnum`."""

    def __init__(
        self,
        f: Function,
        args: Sequence[Any],
        argnum: Any,
        options: dict[str, Any] | None = None,
        has_aux: bool = False,
    ) -> None:
        self.f = f
        numbers = checked(f, args, argnum)
        self.trees = [args[number] for number in numbers]
        outer = recording() and any(type(x) is Value for x in leaves_of(self.trees))
        with enable_grad():
            fresh_trees = map_tree(lambda x: fresh(x, outer), self.trees)
            made = list(args)
            for number, tree in zip(numbers, fresh_trees, strict=True):
                made[number] = tree
            began = namespace["next_serial"]()
            result = f(*made, **(options or {}))
        self.aux = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise ValueError(
                    f"grad_and_aux takes a function that returns a tuple of two, (number, anything else), but "
                    f"{name_of(f)} returned {described(result)}."
                )
            result, self.aux = result
        self.wanted: list[Value] = leaves_of(fresh_trees)
        self.result = map_tree(lambda leaf: as_value(f, leaf), result)
        self.root = self.joined(self.result)
        _, leaves = graph(self.root, until=set(self.wanted))
        # What depends on Values from outside is itself a Value, so that they can be differentiated in turn.
        before = {leaf for leaf in leaves if leaf.serial < began}  # those that f made itself are constants of its own
        self.record = recording() and (outer or not before <= {self.root, *self.wanted})

    @property
    def value(self) -> Tree:
        """What the function returned: Values where they depend on Values from outside, else bare numbers."""
        return self.result if self.record else map_tree(lambda leaf: leaf._data, self.result)

    def joined(self, tree: Tree) -> Any:
        """Return what the function returned, or its cotangent, as one array: several are laid end to end."""
        if isinstance(self.result, Value):
            return tree
        with enable_grad():
            return np.concatenate([np.ravel(leaf) for leaf in leaves_of(tree)])

    def parted(self, joined: Any) -> Tree:
        """Undo `joined`: return the parts of one array in the structure of what the function returned."""
        if isinstance(self.result, Value):
            return joined
        ends = iter(np.cumsum([leaf.size for leaf in leaves_of(self.result)]).tolist())

        def part(leaf: Value) -> Any:
            end = next(ends)
            found: Any = np.reshape(joined[end - leaf.size : end], leaf.shape)
            return found if leaf.ndim or type(found) is Value else found.item()

        return map_tree(part, self.result)

    def pull(self, cotangent: Any) -> list[Tree]:
        """Return the cotangent of each chosen argument, in the argument's structure."""
        found = iter(pull_back(self.root, cotangent, self.wanted, record=self.record))
        return [map_tree(lambda leaf: next(found), tree) for tree in self.trees]

    def scalar(self) -> Call:
        """Return this call, or say that its result is not a number that a gradient can be taken of."""
        if not isinstance(self.result, Value) or self.root.size != 1:
            raise ValueError(
                f"grad differentiates a single number, but {name_of(self.f)} returned {described(self.result)}. Reduce "
                "it first, as with np.sum, or use mg.elementwise_grad or mg.jacobian; for a number with anything "
                "beside it use mg.grad_and_aux."
            )
        return self.real()

    def real(self) -> Call:
        """Return this call, or say that its result is complex."""
        if is_complex(self.root._data):
            raise TypeError(
                f"{name_of(self.f)} returned complex numbers, which have no gradient; take np.real, np.imag or np.abs "
                "of them."
            )
        return self


def fresh(x: Any, outer: bool) -> Value:
    """Return a new Value for an argument; for a Value of an outer level one more step, so that levels stay apart."""
    if type(x) is Value and outer:
        return apply(np.positive, (x,), {})  # type: ignore[no-any-return]
    return Value(x._data if type(x) is Value else x)


def as_value(f: Function, result: Any) -> Value:
    """Return a function's result as a Value, or say what else it returned."""
    if type(result) is Value:
        return result
    try:
        return Value(result)
    except TypeError as error:
        raise TypeError(
            f"{name_of(f)} must return a number, an array or a Value to be differentiated: {error}"
        ) from None


def described(result: Any) -> str:
    """Return in words what a function returned."""
    if isinstance(result, dict | list | tuple):
        return f"a {type(result).__name__} of {len(result)}"
    return f"shape {np.shape(result)}"


def matching(what: str, tree: Tree, given: Tree) -> list[Any]:
    """Return the leaves of a cotangent, a tangent or a direction, or say where it is unlike what it belongs to."""
    if isinstance(tree, dict):
        if not isinstance(given, dict) or set(given) != set(tree):
            got = f"keys {list(given)}" if isinstance(given, dict) else described(given)
            raise ValueError(f"{what} has {got}, expected a dict with keys {list(tree)}.")
        return [leaf for key, part in tree.items() for leaf in matching(f"{what}, at {key!r},", part, given[key])]
    if isinstance(tree, list | tuple):
        if not isinstance(given, list | tuple) or len(given) != len(tree):
            raise ValueError(f"{what} has {described(given)}, expected {described(tree)}.")
        pairs = enumerate(zip(tree, given, strict=True))
        return [leaf for i, (part, other) in pairs for leaf in matching(f"{what}, at [{i}],", part, other)]
    if isinstance(given, dict) or np.shape(given) != np.shape(tree):
        raise ValueError(f"{what} has {described(given)}, expected shape {np.shape(tree)}.")
    return [given]


def checked(f: Function, args: Sequence[Any], argnum: int | Sequence[int]) -> list[int]:
    """Return argnum as a list of positions among the arguments."""
    numbers: list[Any] = list(argnum) if isinstance(argnum, list | tuple | range) else [argnum]
    for number in numbers:
        if not isinstance(number, int | np.integer) or isinstance(number, bool):
            raise TypeError(
                f"argnum is the place of an argument, 0, 1, ..., or several in a tuple, but got {argnum!r}."
            )
        if not -len(args) <= number < len(args):
            raise ValueError(f"argnum={number}, but {name_of(f)} was called with {len(args)} positional argument(s).")
    places = [int(number) % len(args) for number in numbers]
    if len(set(places)) < len(places):
        raise ValueError(f"argnum={argnum!r} names an argument of {name_of(f)} twice.")
    return places


def name_of(f: Function) -> str:
    """Return a function's name for a message."""
    return getattr(f, "__name__", type(f).__name__)


def pull_back(root: Value, cotangent: Any, wanted: Sequence[Value], *, record: bool) -> list[Any]:
    """Return the cotangents of some Values, given that of one computed from them; zeros where there is no path.

    Args:
        root: The Value computed from them.
        cotangent: Its cotangent, in its shape.
        wanted: The Values to differentiate with respect to.
        record: Give the rules Values, so that the results are Values that can be differentiated again.
    """
    nodes, _ = graph(root, until=set(wanted))
    depends = set(wanted)
    path = []
    for node in nodes:  # only what lies between the two
        if any(type(x) is Value and x in depends for x in node.inputs):
            depends.add(node)
            path.append(node)
    totals = {root: cotangent}
    with enable_grad():
        for _ in edges(path, totals, create_graph=record, towards=depends):
            pass
    zeros = [0.0 if type(value._data) is float else np.zeros_like(value._data) for value in wanted]
    return [totals.get(value, zero) for value, zero in zip(wanted, zeros, strict=True)]


def one_or_all(results: list[Any], argnum: int | Sequence[int]) -> Any:
    """Return the single result for a single argnum, a tuple for several."""
    return tuple(results) if isinstance(argnum, list | tuple | range) else results[0]


# The operators --------------------------------------------------------------------------------------------------------


def grad(f: Function, argnum: int | Sequence[int] = 0) -> Function:
    """Return the function that computes the gradient of f: x -> df/dx.

    Args:
        f: A function whose result is a single number.
        argnum: Which positional argument to differentiate, or several; each a number, an array, or a nested dict,
            list or tuple of them.

    Returns:
        A function of the same arguments: the gradient in the structure of the argument; a tuple for several.

    Raises:
        ValueError: If f returns more than one number.

    Example:
        >>> grad(lambda x: x**4 - 2 * x**2)(2.0)
        24.0
        >>> grad(grad(lambda x: x**4 - 2 * x**2))(2.0)
        44.0

    Source: reverse mode; A. Griewank and A. Walther, "Evaluating Derivatives", 2008.
    """

    @wraps(f)
    def gradient(*args: Any, **options: Any) -> Any:
        call = Call(f, args, argnum, options).scalar()
        return one_or_all(call.pull(ones_like(call.root._data)), argnum)

    return gradient


def value_and_grad(f: Function, argnum: int | Sequence[int] = 0) -> Function:
    """Return the function that computes f and its gradient together: x -> (f(x), df/dx).

    Example:
        >>> value_and_grad(lambda w: (3 * w - 4) ** 2)(0.5)
        (6.25, -15.0)
    """

    @wraps(f)
    def both(*args: Any, **options: Any) -> tuple[Any, Any]:
        call = Call(f, args, argnum, options).scalar()
        return call.value, one_or_all(call.pull(ones_like(call.root._data)), argnum)

    return both


def grad_and_aux(f: Function, argnum: int | Sequence[int] = 0) -> Function:
    """Return the gradient of a function that returns (number, anything else), along with the anything else.

    Example:
        >>> grad_and_aux(lambda x: (x * x, "squared"))(3.0)
        (6.0, 'squared')
    """

    @wraps(f)
    def gradient(*args: Any, **options: Any) -> tuple[Any, Any]:
        call = Call(f, args, argnum, options, has_aux=True).scalar()
        return one_or_all(call.pull(ones_like(call.root._data)), argnum), call.aux

    return gradient


def elementwise_grad(f: Function, argnum: int | Sequence[int] = 0) -> Function:
    """Return the derivative, at each element, of a function that acts on each element alone.

    Example:
        >>> elementwise_grad(np.tanh)(np.array([0.0, 1.0])).round(4)
        array([1.  , 0.42])
    """

    @wraps(f)
    def derivative(*args: Any, **options: Any) -> Any:
        call = Call(f, args, argnum, options).real()
        if not isinstance(call.result, Value):
            raise ValueError(
                f"elementwise_grad differentiates a function that returns an array, but {name_of(f)} returned "
                f"{described(call.result)}; use mg.jacobian."
            )
        return one_or_all(call.pull(ones_like(call.root._data)), argnum)

    return derivative


def vjp(f: Function, *args: Any) -> tuple[Any, Function]:
    """Return f(*args), and the pullback: from the cotangent of the result to those of the arguments, gᵀJ.

    Args:
        f: The function.
        args: Its arguments, all of which are differentiated.

    Returns:
        The value, and a function from a cotangent in the value's shape (for a nested value, in its structure) to a
        tuple of cotangents, one an argument.

    Example:
        >>> value, pullback = vjp(lambda a, b: a * b, 2.0, 3.0)
        >>> value, pullback(1.0)
        (6.0, (3.0, 2.0))
    """
    call = Call(f, args, range(len(args)))

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        matching(f"the cotangent of {name_of(f)}", call.result, cotangent)
        cotangent = call.joined(cotangent)
        given = cotangent if type(cotangent) is Value else Value(cotangent)
        record = call.record or (type(cotangent) is Value and recording())
        found = iter(pull_back(call.root, given if record else given._data, call.wanted, record=record))
        return tuple(map_tree(lambda leaf: next(found), tree) for tree in call.trees)

    return call.value, pullback


def jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Return f(*args) and its derivative in a direction, J t: how the result moves when the arguments move by t.

    Every rule is linear in the cotangent, so pulling the pullback back pushes forward: no second table is needed.

    Args:
        f: The function.
        args: Its arguments.
        tangents: The direction: for each argument, one of the same structure and shapes.

    Returns:
        The value and its tangent, in the value's shape.

    Example:
        >>> jvp(lambda a, b: a * b, (2.0, 3.0), (1.0, 0.0))
        (6.0, 3.0)

    Source: J. Townsend, "A new trick for calculating Jacobian vector products", 2017.
    """
    if not isinstance(args, list | tuple) or not isinstance(tangents, list | tuple):
        raise TypeError("jvp takes the arguments in a tuple and the tangents in another: jvp(f, (x,), (t,)).")
    if len(args) != len(tangents):
        raise ValueError(
            f"jvp got {len(args)} argument(s) and {len(tangents)} tangent(s); give one tangent an argument."
        )
    call = Call(f, args, range(len(args)))
    pairs = zip(args, tangents, strict=True)
    directions = [leaf for x, tangent in pairs for leaf in matching(f"a tangent of {name_of(f)}", x, tangent)]
    dummy = Value(ones_like(call.root._data))
    cotangents = pull_back(call.root, dummy, call.wanted, record=True)
    with enable_grad():
        total: Any = np.sum(0.0 * dummy)
        for cotangent, tangent in zip(cotangents, directions, strict=True):
            total = total + np.sum(cotangent * tangent)
    record = call.record or (recording() and any(type(tangent) is Value for tangent in directions))
    (tangent,) = pull_back(total, 1.0, [dummy], record=record)
    return call.value, call.parted(tangent)


def jacobian(f: Function, argnum: int | Sequence[int] = 0) -> Function:
    """Return the function that computes all the derivatives of all the results: J[i, j] = d f_i / d x_j.

    Args:
        f: A function from an array to an array, of any shapes.
        argnum: Which positional argument to differentiate, or several.

    Returns:
        A function of the same arguments: an array of shape (*result, *argument). Where the result or the argument is a
        nested dict, list or tuple, such an array for each pair: in the structure of the result, and in that of the
        argument; for several arguments in a tuple.

    Example:
        >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """

    @wraps(f)
    def all_derivatives(*args: Any, **options: Any) -> Any:
        call = Call(f, args, argnum, options).real()
        argument = one_or_all(call.trees, argnum)
        units = np.eye(call.root.size, dtype=call.root.dtype).reshape(call.root.size, *call.root.shape)
        rows = [one_or_all(call.pull(unit if call.root.ndim else float(unit)), argnum) for unit in units]

        def stacked(result: Value, *rows: Tree) -> Tree:
            return map_tree(
                lambda argument, *parts: np.reshape(
                    np.stack(parts) if parts else np.zeros(0), result.shape + np.shape(argument)
                ),
                argument,
                *rows,
            )

        if isinstance(call.result, Value):
            return stacked(call.result, *rows)
        of_each = iter(rows)
        return map_tree(lambda result: stacked(result, *islice(of_each, result.size)), call.result)

    return all_derivatives


def hessian(f: Function, argnum: int | Sequence[int] = 0) -> Function:
    """Return the function that computes all second derivatives: H[i, j] = d²f / dx_i dx_j.

    Args:
        f: A function from an array to a single number.
        argnum: Which positional argument to differentiate, or several.

    Returns:
        A function of the same arguments: an array of shape (*argument, *argument); for a nested argument one for each
        pair of its arrays, and for several arguments one for each pair of them, in a tuple of tuples.

    Example:
        >>> hessian(lambda w: (3 * w - 4) ** 2)(0.5)
        18.0
    """
    second = jacobian(grad(f, argnum), argnum)

    @wraps(f)
    def second_derivatives(*args: Any, **options: Any) -> Any:
        return map_tree(
            lambda part: part.item() if np.shape(part) == () and type(part) is not Value else part,
            second(*args, **options),
        )

    return second_derivatives


def hvp(f: Function, x: Tree, v: Tree) -> Tree:
    """Return the Hessian of f at x times v, without ever forming the Hessian: H v.

    Args:
        f: A function from x to a single number.
        x: Where: a number, an array, or a nested dict, list or tuple of them.
        v: The direction, in the structure of x.

    Returns:
        The product, in the structure of x.

    Example:
        >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
        array([6., 0.])

    Source: B. A. Pearlmutter, "Fast exact multiplication by the Hessian", 1994.
    """

    def slope(x: Tree) -> Any:
        parts = zip(leaves_of(grad(f)(x)), directions, strict=True)
        return sum(np.sum(gradient * direction) for gradient, direction in parts)

    directions = matching(f"the direction of {name_of(f)}", x, v)

    return grad(slope)(x)
