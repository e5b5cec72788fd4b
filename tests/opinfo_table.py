"""PyTorch's functions as NumPy says them: one entry per function of PyTorch's table of sample inputs (OpInfo).

An entry takes PyTorch's arguments under PyTorch's names, and is a program in NumPy: that which a user would write. The
modules are arguments, so that other libraries that differentiate NumPy can be asked the same.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

Program = Callable[..., Any]

SAME_NAME = """
    angle ceil conj copysign cos cosh deg2rad dot exp exp2 expm1 fliplr flipud floor fmax fmin fmod hypot i0 inner kron
    log log10 log1p log2 logaddexp logaddexp2 matmul maximum minimum outer positive rad2deg ravel real reciprocal
    remainder sign sin sinc sinh sqrt square tan tanh trunc vdot float_power
"""
OTHER_NAME = {
    "abs": "absolute",
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "bmm": "matmul",
    "clone": "copy",
    "conj_physical": "conjugate",
    "H": "transpose",
    "max.binary": "maximum",
    "min.binary": "minimum",
    "mm": "matmul",
    "mv": "matmul",
    "neg": "negative",
    "nn.functional.relu": "relu",
    "pow": "power",
    "sgn": "sign",
    "T": "transpose",
    "t": "transpose",
    "t_copy": "transpose",
}
SPECIAL = {
    "digamma": "psi",
    "erf": "erf",
    "erfc": "erfc",
    "erfinv": "erfinv",
    "lgamma": "gammaln",
    "nn.functional.logsigmoid": "log_expit",
    "sigmoid": "expit",
    "special.entr": "entr",
    "special.erfcx": "erfcx",
    "special.i0e": "i0e",
    "special.i1": "i1",
    "special.i1e": "i1e",
    "special.log_ndtr": "log_ndtr",
    "special.ndtr": "ndtr",
    "special.ndtri": "ndtri",
    "special.xlog1py": "xlog1py",
    "xlogy": "xlogy",
}
SQRT2, LN2 = math.sqrt(2.0), math.log(2.0)


def over(dim: Any) -> Any:
    """Return PyTorch's dim, where an empty list stands for all, as NumPy's axis."""
    return None if dim is None or (not isinstance(dim, int) and len(dim) == 0) else axes(dim)


def axes(dim: Any) -> Any:
    return dim if dim is None or isinstance(dim, int) else tuple(dim)


def listed(items: tuple[Any, ...]) -> Any:
    """Return arguments that may be given one by one or in a list."""
    return items[0] if len(items) == 1 and isinstance(items[0], list | tuple) else items


def given(**options: Any) -> dict[str, Any]:
    """Return the options that say something, as a user would write them."""
    return {name: value for name, value in options.items() if value is not None and value is not False}


def along(dim: int, where: Any, ndim: int) -> Any:
    """Return the index that selects along one axis."""
    return (slice(None),) * (dim % ndim) + (where,)


def pieces(n: int, size: int) -> list[int]:
    """Return the places at which n elements are cut into pieces of a size."""
    return list(range(size, n, size))


def programs(np: Any, special: Any, own: Any) -> dict[str, Program]:
    """Return the table: PyTorch's name, and the program.

    Args:
        np: NumPy, or a module like it.
        special: scipy.special, or a module like it.
        own: What neither of them differentiates: `relu`, `softmax`, `logsumexp`, `polygamma` and `with_item`.
    """

    def named(module: Any, name: str) -> Program:
        return lambda *inputs: getattr(module, name)(*inputs)

    def reduction(name: str) -> Program:
        return lambda x, dim=None, keepdim=False, dtype=None: getattr(np, name)(x, axis=over(dim), keepdims=keepdim)

    def extremum(name: str) -> Program:
        return lambda x, dim=None, keepdim=False: getattr(np, name)(x, axis=over(dim), keepdims=keepdim)

    def spread(name: str) -> Program:
        def program(
            x: Any, dim: Any = None, unbiased: Any = True, keepdim: bool = False, correction: Any = None
        ) -> Any:
            if isinstance(dim, bool):
                dim, unbiased = None, dim
            ddof = int(unbiased) if correction is None else correction
            return getattr(np, name)(x, axis=over(dim), ddof=ddof, keepdims=keepdim)

        return program

    def masked(name: str, empty: float = 0.0, **more: Any) -> Program:
        def program(x: Any, dim: Any = None, keepdim: bool = False, mask: Any = None, dtype: Any = None) -> Any:
            if mask is None:
                return getattr(np, name)(x, axis=over(dim), keepdims=keepdim)
            y = getattr(np, name)(x, axis=over(dim), keepdims=keepdim, where=mask, **more)
            return np.where(np.any(np.broadcast_to(mask, np.shape(x)), axis=over(dim), keepdims=keepdim), y, empty)

        return program

    def of_one_axis(program: Program) -> Program:
        """PyTorch reads a number as an array of one axis, where an axis is asked for; NumPy does not."""

        def call(x: Any, *args: Any, **options: Any) -> Any:
            if np.ndim(x):
                return program(x, *args, **options)
            q = args[0] if program in quantiles and np.ndim(args[0]) else 0.0  # which adds axes of its own
            wide = [z if isinstance(z, int | float) or np.ndim(z) else np.reshape(z, (1,)) for z in (x, *args)]
            return np.reshape(program(*wide, **options), np.shape(q))

        return call

    def running(name: str) -> Program:
        return of_one_axis(lambda x, dim, dtype=None: getattr(np, name)(x, axis=dim))

    def masked_running(name: str, neutral: float) -> Program:
        def program(x: Any, dim: int, mask: Any = None, dtype: Any = None) -> Any:
            if mask is None:
                return getattr(np, name)(x, axis=dim)
            return np.where(mask, getattr(np, name)(np.where(mask, x, neutral), axis=dim), 0.0)

        return of_one_axis(program)

    def accumulated(name: str) -> Program:
        return of_one_axis(lambda x, dim: getattr(np, name).accumulate(x, axis=dim))

    def masked_spread(name: str) -> Program:
        def program(x: Any, dim: Any = None, unbiased: Any = True, keepdim: bool = False, **more: Any) -> Any:
            mask, given = more.get("mask"), more.get("correction")
            ddof = int(unbiased) if given is None else given
            where = {} if mask is None else {"where": mask}
            return getattr(np, name)(x, axis=over(dim), ddof=ddof, keepdims=keepdim, **where)

        return program

    def masked_norm(x: Any, ord: Any, dim: Any = None, keepdim: bool = False, mask: Any = None) -> Any:
        if mask is not None:
            x = np.where(mask, x, math.inf if ord == -math.inf else 0.0)
        y = np.linalg.vector_norm(x, axis=over(dim), keepdims=keepdim, ord=ord)
        return y if mask is None else np.where(seen(x, mask, dim, keepdim), y, 0.0)

    def seen(x: Any, mask: Any, dim: Any, keepdim: bool) -> Any:
        """Return where a reduction has looked at anything at all."""
        return np.any(np.broadcast_to(mask, np.shape(x)), axis=over(dim), keepdims=keepdim)

    def masked_along(program: Program, neutral: float) -> Program:
        def call(x: Any, dim: int, mask: Any = None, dtype: Any = None) -> Any:
            if mask is None:
                return program(x, dim)
            some = np.where(np.any(np.broadcast_to(mask, np.shape(x)), axis=dim, keepdims=True), neutral, 0.0)
            return np.where(mask, program(np.where(mask, x, some), dim), 0.0)

        return of_one_axis(call)

    def masked_logsumexp(x: Any, dim: Any = None, keepdim: bool = False, mask: Any = None, dtype: Any = None) -> Any:
        x = x if mask is None else np.where(mask, x, -math.inf)
        y = own.logsumexp(x, axis=over(dim), keepdims=keepdim)
        return y if mask is None else np.where(seen(x, mask, dim, keepdim), y, 0.0)

    def area_so_far(y: Any, x: Any = None, dim: int = -1, dx: float = 1.0) -> Any:
        n = np.shape(y)[dim]
        middle = (y[along(dim, slice(1, None), np.ndim(y))] + y[along(dim, slice(n - 1), np.ndim(y))]) / 2
        return np.cumsum(middle * (dx if x is None else steps_of(x, dim, np.ndim(y))), axis=dim)

    def steps_of(x: Any, dim: int, ndim: int) -> Any:
        return np.diff(x, axis=dim) if np.ndim(x) == ndim else np.reshape(np.diff(x), (-1,) + (1,) * (-1 - dim % -ndim))

    def diagonal_put(x: Any, source: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
        y = np.moveaxis(x, (dim1, dim2), (-2, -1))
        i = np.arange(np.shape(source)[-1])
        y = own.with_item(y, (..., i + max(-offset, 0), i + max(offset, 0)), source)
        return np.moveaxis(y, (-2, -1), (dim1, dim2))

    def group_norm(x: Any, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
        shape, channels = np.shape(x), (1, -1) + (1,) * (np.ndim(x) - 2)
        y = np.reshape(x, (shape[0], groups, math.prod(shape[1:]) // groups))
        y = (y - np.mean(y, axis=-1, keepdims=True)) / np.sqrt(np.var(y, axis=-1, keepdims=True) + eps)
        y = np.reshape(y, shape)
        y = y if weight is None else y * np.reshape(weight, channels)
        return y if bias is None else y + np.reshape(bias, channels)

    def leaky(x: Any, weight: Any) -> Any:
        weight = weight if np.ndim(weight) == 0 else np.reshape(weight, (-1,) + (1,) * max(np.ndim(x) - 2, 0))
        return np.reshape(np.where(x > 0, x, weight * x), np.shape(x))

    def entropy_of_logits(
        x: Any, y: Any, weight: Any = 1.0, pos_weight: Any = None, reduction: str = "mean", size_average: Any = None
    ) -> Any:
        share = 1.0 if pos_weight is None else 1 + (pos_weight - 1) * y
        return reduced(weight * ((1 - y) * x + share * np.logaddexp(0.0, -x)), reduction)

    def normal_loss(x: Any, y: Any, var: Any, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> Any:
        var = var if np.shape(var) == np.shape(x) or np.shape(var)[-1:] == (1,) else np.expand_dims(var, -1)
        bounded = np.maximum(var, eps)
        loss = 0.5 * (np.log(bounded) + (x - y) ** 2 / bounded)
        return reduced(loss + (0.5 * math.log(2 * math.pi) if full else 0.0), reduction)

    def fourier(name: str) -> Program:
        return lambda x, n=None, dim=-1, norm=None: getattr(np.fft, name)(x, n, axis=dim, norm=norm)

    def fourier_2(name: str) -> Program:
        return lambda x, s=None, dim=(-2, -1), norm=None: getattr(np.fft, name)(x, s, axes=whole(dim), norm=norm)

    def fourier_n(name: str) -> Program:
        def program(x: Any, s: Any = None, dim: Any = None, norm: Any = None) -> Any:
            if s is not None and dim is None:
                dim = range(-len(s), 0)
            return getattr(np.fft, name)(x, s, axes=None if dim is None else whole(dim), norm=norm)

        return program

    def whole(dim: Any) -> Any:
        return (dim,) if isinstance(dim, int) else tuple(dim)

    def norm(x: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
        order = None if p == "fro" else p
        if dim is None and order is not None and order != "nuc":
            y = np.linalg.norm(np.ravel(x), order)
            return np.reshape(y, (1,) * np.ndim(x)) if keepdim else y
        return np.linalg.norm(x, order, axis=over(dim), keepdims=keepdim)

    def spelled(x: Any, shape: tuple[Any, ...]) -> tuple[int, ...]:
        """Return a shape in which -1 stands for the length that is there."""
        shape, old = tuple(listed(shape)), (1,) * (len(listed(shape)) - np.ndim(x)) + np.shape(x)
        return tuple(m if n == -1 else n for n, m in zip(shape, old, strict=True))

    def summed_to(x: Any, *size: Any) -> Any:
        size = tuple(listed(size))
        extra = np.ndim(x) - len(size)
        ones = tuple(i + extra for i, n in enumerate(size) if n == 1)
        return np.reshape(np.sum(x, axis=(*range(extra), *ones)), size)

    def gradient(x: Any, dim: Any = None, spacing: Any = None, edge_order: int = 1) -> Any:
        steps = [] if spacing is None else list(spacing) if isinstance(spacing, list | tuple) else [spacing]
        return np.gradient(x, *steps, axis=axes(dim), edge_order=edge_order)

    def difference(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
        ends = {"prepend": prepend, "append": append}
        return np.diff(x, n=n, axis=dim, **{end: part for end, part in ends.items() if part is not None})

    def ordered(x: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
        y = np.sort(x, axis=dim)
        return np.flip(y, dim) if descending else y

    def kth(x: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
        y = np.take(np.partition(x, k - 1, axis=dim), k - 1, axis=dim)
        return np.expand_dims(y, dim) if keepdim else y

    def largest(x: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
        y = np.sort(x, axis=dim)
        return np.take(np.flip(y, dim) if largest else y, list(range(k)), axis=dim)

    def quantile(name: str) -> Program:
        def program(x: Any, q: Any, dim: Any = None, keepdim: bool = False, interpolation: str = "linear") -> Any:
            return getattr(np, name)(x, q, axis=dim, keepdims=keepdim, method=interpolation)

        quantiles.append(program)
        return of_one_axis(program)

    quantiles: list[Program] = []

    def cross(a: Any, b: Any, dim: Any = None) -> Any:
        return np.cross(a, b, axis=np.shape(a).index(3) if dim is None else dim)

    def solve(a: Any, b: Any, left: bool = True) -> Any:
        if not left:
            return transposed(solve(transposed(a), transposed(b)))
        vector = np.ndim(b) == 1 or np.shape(b) == np.shape(a)[:-1]
        return np.linalg.solve(a, b[..., None])[..., 0] if vector else np.linalg.solve(a, b)

    def triangle(a: Any, upper: bool, unitriangular: bool = False) -> Any:
        half = np.triu(a, 1) if upper else np.tril(a, -1)
        return half + (np.eye(np.shape(a)[-1]) if unitriangular else a * np.eye(np.shape(a)[-1]))

    def transposed(x: Any) -> Any:
        return np.swapaxes(x, -1, -2)

    def symmetric(x: Any) -> Any:
        return x + transposed(x)

    def half(x: Any, upper: bool = False) -> Any:
        return np.triu(x) if upper else np.tril(x)

    def squared(factor: Any, upper: bool) -> Any:
        return transposed(factor) @ factor if upper else factor @ transposed(factor)

    def singular(x: Any, full_matrices: bool = True) -> Any:
        """Return what is the same for every choice of signs, of the vectors that belong to singular values."""
        u, s, vh = np.linalg.svd(x, full_matrices=full_matrices)
        k = np.shape(s)[-1]
        return np.abs(u[..., :k]), s, np.abs(vh[..., :k, :])

    def eigen(x: Any, UPLO: str = "L") -> Any:
        values, vectors = np.linalg.eigh(symmetric(x), UPLO=UPLO)
        return values, np.abs(vectors)

    def logarithm_of_softmax(x: Any, dim: int, dtype: Any = None) -> Any:
        return x - own.logsumexp(x, axis=dim, keepdims=True)

    def reduced(x: Any, reduction: str = "mean") -> Any:
        return x if reduction == "none" else np.mean(x) if reduction == "mean" else np.sum(x)

    def layer_norm(x: Any, shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
        last = tuple(range(-len(shape), 0))
        deviation = x - np.mean(x, axis=last, keepdims=True)
        y = deviation / np.sqrt(np.var(x, axis=last, keepdims=True) + eps)
        return (y if weight is None else y * weight) + (0.0 if bias is None else bias)

    def rms_norm(x: Any, shape: Any, weight: Any = None, eps: float | None = None) -> Any:
        size = np.mean(x * x, axis=tuple(range(-len(shape), 0)), keepdims=True)
        y = x / np.sqrt(size + (2.0**-52 if eps is None else eps))
        return y if weight is None else y * weight

    def cosine_similarity(a: Any, b: Any, dim: int = 1, eps: float = 1e-8) -> Any:
        a, b = alike(a, b)
        lengths = [np.maximum(np.linalg.norm(x, axis=dim, keepdims=True), eps) for x in (a, b)]
        return np.sum((a / lengths[0]) * (b / lengths[1]), axis=dim)

    def cross_entropy(x: Any, target: Any, reduction: str = "mean", **options: Any) -> Any:
        unsupported(options)
        at = np.take_along_axis(logarithm_of_softmax(x, 1 if np.ndim(x) > 1 else 0), target[:, None], axis=1)
        return reduced(-at[:, 0], reduction)

    def unsupported(options: dict[str, Any]) -> None:
        if any(value is not None for value in options.values()):
            raise NotImplementedError(f"not translated: {', '.join(options)}")

    def padded(mode: str) -> Program:
        def program(x: Any, pad: Any, mode_: Any = None, value: Any = None) -> Any:
            widths = [(0, 0)] * (np.ndim(x) - len(pad) // 2) + list(zip(pad[::2], pad[1::2], strict=True))[::-1]
            x = cropped(x, widths) if mode == "wrap" else x
            more = {"constant_values": value or 0.0} if mode == "constant" else {}
            y = np.pad(x, [(max(0, a), max(0, b)) for a, b in widths], mode=mode, **more)
            return y if mode == "wrap" else cropped(y, widths)

        def cropped(x: Any, widths: Any) -> Any:
            ends = zip(widths, np.shape(x), strict=True)
            return x[tuple(slice(max(0, -a), n - max(0, -b)) for (a, b), n in ends)]

        return program

    def where_indexed(x: Any, dim: int, index: Any, value: Any) -> Any:
        return own.with_item(x, along(dim, index, np.ndim(x)), value)

    def scattered(x: Any, dim: int, index: Any, source: Any) -> Any:
        places = list(np.indices(np.shape(index)))
        places[dim] = index
        if np.ndim(source):
            source = source[tuple(slice(n) for n in np.shape(index))]
        return own.with_item(x, tuple(places), source)

    def alike(x: Any, y: Any) -> Any:
        return (x, y) if np.shape(x) == np.shape(y) else np.broadcast_arrays(x, y)

    def chosen(x: Any, mask: Any) -> Any:
        x, mask = alike(x, mask)
        return x[mask]

    def poured(x: Any, mask: Any, source: Any) -> Any:
        x, mask = alike(x, mask)
        return own.with_item(x, mask, np.ravel(source)[: np.count_nonzero(mask)])

    def chunks(x: Any, number: int, dim: int = 0) -> Any:
        return np.split(x, pieces(np.shape(x)[dim], -(-np.shape(x)[dim] // number)), axis=dim)

    def split(x: Any, size: Any, dim: int = 0) -> Any:
        places = pieces(np.shape(x)[dim], size) if isinstance(size, int) else list(itertools.accumulate(size))[:-1]
        return np.split(x, places, axis=dim)

    def unsized(x: Any, dim: Any = None) -> Any:
        chosen = range(np.ndim(x)) if dim is None else [dim] if isinstance(dim, int) else dim
        return np.squeeze(x, axis=tuple(i for i in chosen if np.ndim(x) and np.shape(x)[i] == 1))

    def flattened(x: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
        if not np.ndim(x):
            return np.reshape(x, (1,))
        start, end = start_dim % np.ndim(x), end_dim % np.ndim(x)
        shape = np.shape(x)
        return np.reshape(x, (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))

    def unflattened(x: Any, dim: int, sizes: Any) -> Any:
        dim = dim % np.ndim(x)
        return np.reshape(x, (*np.shape(x)[:dim], *sizes, *np.shape(x)[dim + 1 :]))

    def rolled(x: Any, shifts: Any, dims: Any = None) -> Any:
        return np.roll(x, axes(shifts), None if dims is None or dims == () else axes(dims))

    def combinations(x: Any, r: int = 2, with_replacement: bool = False) -> Any:
        chosen = itertools.combinations_with_replacement if with_replacement else itertools.combinations
        return x[np.array(list(chosen(range(len(x)), r)), dtype=int).reshape(-1, r)]

    def cartesian(*xs: Any) -> Any:
        grids = np.meshgrid(*xs, indexing="ij")
        return xs[0] if len(xs) == 1 else np.stack([np.ravel(grid) for grid in grids], axis=1)

    def blocks(*xs: Any) -> Any:
        parts = [np.atleast_2d(x) for x in xs]
        rows = []
        for i, x in enumerate(parts):
            row = [x if i == j else np.zeros((np.shape(x)[0], np.shape(z)[1])) for j, z in enumerate(parts)]
            rows.append(np.concatenate(row, axis=1))
        return np.concatenate(rows, axis=0)

    def area(y: Any, x: Any = None, dim: int = -1, dx: float = 1.0) -> Any:
        return np.trapezoid(y, x, axis=dim, **({} if x is not None else {"dx": dx}))

    def rounded(x: Any, decimals: int = 0) -> Any:
        return np.round(x, decimals)

    def repeated(x: Any, repeats: Any, dim: Any = None, output_size: Any = None) -> Any:
        return np.repeat(x, repeats, axis=dim)

    def many_gammas(x: Any, p: int) -> Any:
        return p * (p - 1) / 4 * math.log(math.pi) + sum(special.gammaln(x - i / 2) for i in range(p))

    def selu(x: Any) -> Any:
        a = 1.6732632423543772848170429916717
        return 1.0507009873554804934193349852946 * np.where(x > 0, x, a * np.expm1(np.minimum(x, 0.0)))

    def gelu(x: Any, approximate: str = "none") -> Any:
        if approximate == "tanh":
            return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        return 0.5 * x * (1 + special.erf(x / SQRT2))

    def softplus(x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
        return np.where(x * beta > threshold, x, np.logaddexp(0.0, x * beta) / beta)

    def huber(x: Any, y: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
        d = np.abs(x - y)
        return reduced(np.where(d < delta, 0.5 * d * d, delta * (d - 0.5 * delta)), reduction)

    def smooth_l1(x: Any, y: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
        d = np.abs(x - y)
        return reduced(d if beta == 0 else np.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta), reduction)

    def divided(x: Any, y: Any, rounding_mode: Any = None) -> Any:
        q = x / y
        return q if rounding_mode is None else np.trunc(q) if rounding_mode == "trunc" else np.floor(q)

    def picked(x: Any, dim: Any, index: Any, sparse_grad: bool = False) -> Any:
        if not np.ndim(x):
            return np.reshape(x, np.shape(index))
        dim = dim % np.ndim(x)
        kept = tuple(slice(None) if i == dim else slice(n) for i, n in enumerate(np.shape(index)))
        return np.take_along_axis(x[kept], index, axis=dim)

    def windows(x: Any, dim: int, size: int, step: int) -> Any:
        if not np.ndim(x):
            return windows(np.reshape(x, (1,)), 0, size, step)[0]
        view = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
        return view[along(dim, slice(None, None, step), np.ndim(view) - 1)]

    def attention(q: Any, k: Any, v: Any, attn_mask: Any = None, is_causal: bool = False, **options: Any) -> Any:
        unsupported({name: value for name, value in options.items() if value not in (0.0, False)})
        scores = q @ transposed(k) / math.sqrt(np.shape(q)[-1])
        if is_causal:
            scores = np.where(np.tri(*np.shape(scores)[-2:], dtype=bool), scores, -np.inf)
        if attn_mask is not None:
            scores = np.where(attn_mask, scores, -np.inf) if attn_mask.dtype == bool else scores + attn_mask
        return own.softmax(scores, axis=-1) @ v

    def glu(x: Any, dim: int = -1) -> Any:
        a, b = np.split(x, 2, axis=dim)
        return a * special.expit(b)

    table: dict[str, Program] = {name: named(np, name) for name in SAME_NAME.split()}
    table |= {name: named(np, ours) for name, ours in OTHER_NAME.items() if name != "nn.functional.relu"}
    table |= {name: named(special, ours) for name, ours in SPECIAL.items()}
    table |= {  # arithmetic
        "add": lambda x, y, alpha=1: x + alpha * y,
        "sub": lambda x, y, alpha=1: x - alpha * y,
        "rsub": lambda x, y, alpha=1: y - alpha * x,
        "mul": lambda x, y: x * y,
        "div": divided,
        "true_divide": divided,
        "__radd__": lambda x, y: y + x,
        "__rdiv__": lambda x, y: y / x,
        "__rmul__": lambda x, y: y * x,
        "__rmatmul__": lambda x, y: y @ x,
        "__rmod__": lambda x, y: y % x,
        "__rpow__": lambda x, y: y**x,
        "__rsub__": lambda x, y: y - x,
        "addcmul": lambda x, a, b, value=1: x + value * a * b,
        "addcdiv": lambda x, a, b, value=1: x + value * a / b,
        "addmm": lambda x, a, b, alpha=1, beta=1: beta * x + alpha * (a @ b),
        "addmv": lambda x, a, b, alpha=1, beta=1: beta * x + alpha * (a @ b),
        "addbmm": lambda x, a, b, alpha=1, beta=1: beta * x + alpha * np.einsum("bij,bjk->ik", a, b),
        "baddbmm": lambda x, a, b, alpha=1, beta=1: beta * x + alpha * (a @ b),
        "addr": lambda x, a, b, alpha=1, beta=1: beta * x + alpha * np.outer(a, b),
        "lerp": lambda x, y, weight: x + weight * (y - x),
        "frac": lambda x: x - np.trunc(x),
        "frexp": lambda x: np.frexp(x)[0],
        "ldexp": lambda x, y: x * np.exp2(y),
        "rsqrt": lambda x: 1 / np.sqrt(x),
        "round": rounded,
        "clamp": lambda x, min=None, max=None: np.clip(x, min, max),
        "clamp_max": lambda x, max: np.minimum(x, max),
        "clamp_min": lambda x, min: np.maximum(x, min),
        "nan_to_num": lambda x, nan=0.0, posinf=None, neginf=None: np.nan_to_num(
            x, **given(nan=nan, posinf=posinf, neginf=neginf)
        ),
        "complex": lambda x, y: x + 1j * y,
        "polar": lambda r, angle: r * (np.cos(angle) + 1j * np.sin(angle)),
        "view_as_complex": lambda x: x[..., 0] + 1j * x[..., 1],
        "logit": lambda x, eps=None: special.logit(x if eps is None else np.clip(x, eps, 1 - eps)),
        "mvlgamma": many_gammas,
        "polygamma": lambda x, n: own.polygamma(n, x),
        "special.polygamma": lambda x, n: own.polygamma(n, x),
    }
    table |= {  # reductions, statistics, what runs along an axis, and sorting
        **{name: reduction(name) for name in ("sum", "prod", "nansum")},
        **{name: of_one_axis(reduction(name)) for name in ("mean", "nanmean")},
        **{name: extremum(name) for name in ("amax", "amin")},
        **{name: spread(name) for name in ("std", "var")},
        "max": lambda x, dim=None, keepdim=False: np.max(x, axis=dim, keepdims=keepdim),
        "min": lambda x, dim=None, keepdim=False: np.min(x, axis=dim, keepdims=keepdim),
        "aminmax": lambda x, dim=None, keepdim=False: (
            np.min(x, axis=dim, keepdims=keepdim),
            np.max(x, axis=dim, keepdims=keepdim),
        ),
        "std_mean": lambda x, *dim, **options: (spread("std")(x, *dim, **options), mean_beside(np, x, *dim, **options)),
        "var_mean": lambda x, *dim, **options: (spread("var")(x, *dim, **options), mean_beside(np, x, *dim, **options)),
        "masked.sum": masked("sum"),
        "masked.prod": masked("prod", empty=1.0),
        "masked.mean": of_one_axis(masked("mean")),
        "masked.std": masked_spread("std"),
        "masked.var": masked_spread("var"),
        "masked.norm": masked_norm,
        "masked.logsumexp": of_one_axis(masked_logsumexp),
        "masked.softmax": masked_along(lambda x, dim: own.softmax(x, axis=dim), -math.inf),
        "masked.log_softmax": masked_along(logarithm_of_softmax, -math.inf),
        "masked.softmin": masked_along(lambda x, dim: own.softmax(-x, axis=dim), math.inf),
        "cumulative_trapezoid": area_so_far,
        "masked.amax": masked("max", initial=-math.inf),
        "masked.amin": masked("min", initial=math.inf),
        "masked.cumsum": masked_running("cumsum", 0.0),
        "masked.cumprod": masked_running("cumprod", 1.0),
        "cumsum": running("cumsum"),
        "cumprod": running("cumprod"),
        "cummax": accumulated("maximum"),
        "cummin": accumulated("minimum"),
        "logcumsumexp": accumulated("logaddexp"),
        "diff": difference,
        "gradient": gradient,
        "trapz": area,
        "trapezoid": area,
        "corrcoef": lambda x: np.corrcoef(x),
        "cov": lambda x, correction=1, fweights=None, aweights=None: np.cov(
            x, ddof=correction, fweights=fweights, aweights=aweights
        ),
        "sort": of_one_axis(ordered),
        "msort": lambda x: np.sort(x, axis=0),
        "kthvalue": of_one_axis(kth),
        "topk": of_one_axis(largest),
        "median": of_one_axis(lambda x, dim=None, keepdim=False: np.median(x, axis=dim, keepdims=keepdim)),
        "nanmedian": of_one_axis(lambda x, dim=None, keepdim=False: np.nanmedian(x, axis=dim, keepdims=keepdim)),
        "quantile": quantile("quantile"),
        "nanquantile": quantile("nanquantile"),
        "logsumexp": of_one_axis(lambda x, dim, keepdim=False: own.logsumexp(x, axis=over(dim), keepdims=keepdim)),
        "softmax": lambda x, dim, dtype=None: own.softmax(x, axis=dim),
        "log_softmax": logarithm_of_softmax,
    }
    table |= {  # shapes and places
        "atleast_1d": lambda *x: np.atleast_1d(*listed(x)),
        "atleast_2d": lambda *x: np.atleast_2d(*listed(x)),
        "atleast_3d": lambda *x: np.atleast_3d(*listed(x)),
        "broadcast_tensors": lambda *x: np.broadcast_arrays(*x),
        "broadcast_to": lambda x, shape: np.broadcast_to(x, spelled(x, (shape,))),
        "expand": lambda x, *shape: np.broadcast_to(x, spelled(x, shape)),
        "expand_copy": lambda x, *shape: np.broadcast_to(x, spelled(x, shape)),
        "expand_as": lambda x, like: np.broadcast_to(x, np.shape(like)),
        "sum_to_size": summed_to,
        "block_diag": blocks,
        "cartesian_prod": cartesian,
        "combinations": combinations,
        "meshgrid": lambda *x, indexing="ij": np.meshgrid(*listed(x), indexing=indexing),
        "cat": lambda x, dim=0: np.concatenate(x, axis=dim),
        "stack": lambda x, dim=0: np.stack(x, axis=dim),
        "hstack": lambda x: np.hstack(x),
        "vstack": lambda x: np.vstack(x),
        "dstack": lambda x: np.dstack(x),
        "column_stack": lambda x: np.column_stack(x),
        "chunk": chunks,
        "unsafe_chunk": chunks,
        "split": split,
        "unsafe_split": split,
        "split_with_sizes": split,
        "split_with_sizes_copy": split,
        "tensor_split": lambda x, places, dim=0: np.array_split(x, places, axis=dim),
        "hsplit": lambda x, places: np.hsplit(x, places),
        "vsplit": lambda x, places: np.vsplit(x, places),
        "dsplit": lambda x, places: np.dsplit(x, places),
        "unbind": lambda x, dim=0: [np.take(x, i, axis=dim) for i in range(np.shape(x)[dim])],
        "unbind_copy": lambda x, dim=0: [np.take(x, i, axis=dim) for i in range(np.shape(x)[dim])],
        "narrow": lambda x, dim, start, length: x[along(dim, slice(int(start), int(start) + length), np.ndim(x))],
        "narrow_copy": lambda x, dim, start, length: x[along(dim, slice(start, start + length), np.ndim(x))],
        "select": lambda x, dim, index: np.take(x, index, axis=dim),
        "slice": lambda x, dim=0, start=None, end=None, step=1: x[along(dim, slice(start, end, step), np.ndim(x))],
        "__getitem__": lambda x, index: x[index],
        "diag": lambda x, diagonal=0: np.diag(x, diagonal),
        "diagflat": lambda x, offset=0: np.diagflat(x, offset),
        "diagonal": lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
        "diagonal_copy": lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
        "linalg.diagonal": lambda x, offset=0, dim1=-2, dim2=-1: np.diagonal(x, offset, dim1, dim2),
        "trace": lambda x: np.trace(x),
        "tril": lambda x, diagonal=0: np.tril(x, diagonal),
        "triu": lambda x, diagonal=0: np.triu(x, diagonal),
        "flip": lambda x, dims: np.flip(x, axes(dims)),
        "roll": rolled,
        "rot90": lambda x, k=1, dims=(0, 1): np.rot90(x, k, **({} if tuple(dims) == (0, 1) else {"axes": tuple(dims)})),
        "repeat": lambda x, *repeats: np.tile(x, listed(repeats)),
        "tile": lambda x, *repeats: np.tile(x, listed(repeats)),
        "repeat_interleave": repeated,
        "permute": lambda x, dims: np.transpose(x, dims),
        "permute_copy": lambda x, dims: np.transpose(x, dims),
        "movedim": lambda x, old, new: np.moveaxis(x, old, new),
        **dict.fromkeys(("transpose", "transpose_copy"), of_one_axis(lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1))),
        "squeeze": unsized,
        "squeeze_copy": unsized,
        **dict.fromkeys(("mH", "mT"), lambda x: np.swapaxes(x, -1, -2)),
        "unsqueeze": lambda x, dim: np.expand_dims(x, dim),
        "unsqueeze_copy": lambda x, dim: np.expand_dims(x, dim),
        "flatten": flattened,
        "unflatten": unflattened,
        **dict.fromkeys(("reshape", "view", "view_copy"), lambda x, *shape: np.reshape(x, tuple(listed(shape)))),
        **dict.fromkeys(("reshape_as", "view_as"), lambda x, like: np.reshape(x, np.shape(like))),
        "unfold": windows,
        "unfold_copy": windows,
        "take": lambda x, index: np.take(x, index),
        "take_along_dim": lambda x, index, dim=None: (
            np.take_along_axis(x, index, dim) if dim is not None else np.take(x, np.ravel(index))
        ),
        "gather": picked,
        "index_select": of_one_axis(lambda x, dim, index: np.take(x, index, axis=dim)),
        "where": lambda x, condition, other: np.where(condition, x, other),
        "masked_fill": lambda x, mask, value: np.where(mask, value, x),
        "masked_select": chosen,
        "masked_scatter": poured,
        "index_fill": of_one_axis(where_indexed),
        "index_copy": of_one_axis(where_indexed),
        "scatter": of_one_axis(scattered),
        "diagonal_scatter": diagonal_put,
        "select_scatter": lambda x, source, dim, index: own.with_item(x, along(dim, index, np.ndim(x)), source),
        "slice_scatter": lambda x, source, dim=0, start=None, end=None, step=1: own.with_item(
            x, along(dim, slice(start, end, step), np.ndim(x)), source
        ),
        "fft.fftshift": lambda x, dim=None: np.fft.fftshift(x, axes(dim)),
        "fft.ifftshift": lambda x, dim=None: np.fft.ifftshift(x, axes(dim)),
        "nn.functional.pad.constant": padded("constant"),
        "constant_pad_nd": lambda x, pad, value=0.0: padded("constant")(x, pad, None, value),
        "nn.functional.pad.reflect": padded("reflect"),
        "nn.functional.pad.replicate": padded("edge"),
        "nn.functional.pad.replicate_negative": padded("edge"),
        "nn.functional.pad.circular": padded("wrap"),
    }
    table |= {  # linear algebra and Fourier transforms
        "einsum": lambda operands, equation: np.einsum(equation, *operands),
        "tensordot": lambda a, b, dims=2: np.tensordot(a, b, dims),
        "cross": cross,
        "linalg.cross": lambda a, b, dim=-1: np.cross(a, b, axis=dim),
        "linalg.vecdot": lambda a, b, dim=-1: np.linalg.vecdot(a, b, axis=dim),
        "cdist": lambda a, b, p=2.0, mode=None: np.linalg.norm(
            np.expand_dims(a, -2) - np.expand_dims(b, -3), ord=p, axis=-1
        ),
        "dist": lambda a, b, p=2: np.linalg.norm(np.ravel(a - b), p),
        "norm": of_one_axis(norm),
        "linalg.norm": lambda x, ord=None, dim=None, keepdim=False: np.linalg.norm(
            x, ord, axes(dim), **given(keepdims=keepdim)
        ),
        "linalg.vector_norm": lambda x, ord=2, dim=None, keepdim=False: np.linalg.vector_norm(
            x, ord=ord, axis=over(dim), keepdims=keepdim
        ),
        "linalg.matrix_norm": lambda x, ord="fro", dim=(-2, -1), keepdim=False: np.linalg.norm(
            x, ord, tuple(dim), **given(keepdims=keepdim)
        ),
        "linalg.cond": lambda x, p=None: np.linalg.cond(x, p),
        "linalg.det": lambda x: np.linalg.det(x),
        "linalg.slogdet": lambda x: tuple(np.linalg.slogdet(x)),
        "logdet": lambda x: np.log(np.linalg.det(x)),
        "linalg.inv": lambda x: np.linalg.inv(x),
        "linalg.inv_ex": lambda x: np.linalg.inv(x),
        "linalg.solve": solve,
        "linalg.solve_ex": solve,
        "linalg.solve_triangular": lambda a, b, upper, left=True, unitriangular=False: solve(
            triangle(a, upper, unitriangular), b, left
        ),
        "triangular_solve": lambda b, a, upper=False, transpose=False, unitriangular=False: solve(
            transposed(triangle(a, upper, unitriangular)) if transpose else triangle(a, upper, unitriangular), b
        ),
        "linalg.cholesky": lambda x, upper=False: np.linalg.cholesky(symmetric(x), **given(upper=upper)),
        "linalg.cholesky_ex": lambda x, upper=False: np.linalg.cholesky(symmetric(x), **given(upper=upper)),
        "cholesky": lambda x, upper=False: np.linalg.cholesky(symmetric(x), **given(upper=upper)),
        "cholesky_inverse": lambda x, upper=False: np.linalg.inv(squared(triangle(x, upper, True), upper)),
        "cholesky_solve": lambda b, x, upper=False: np.linalg.solve(squared(half(x, upper), upper), b),
        "linalg.eigh": eigen,
        "linalg.eigvalsh": lambda x, UPLO="L": np.linalg.eigvalsh(symmetric(x), UPLO=UPLO),
        "linalg.svd": singular,
        "svd": lambda x, some=True: singular(x, not some),
        "linalg.svdvals": lambda x: np.linalg.svdvals(x),
        "linalg.qr": lambda x, mode="reduced": np.linalg.qr(x, mode=mode),
        "qr": lambda x, some=True: np.linalg.qr(x, mode="reduced" if some else "complete"),
        "linalg.pinv": lambda x, rtol=None: np.linalg.pinv(x, **given(rtol=rtol)),
        "linalg.pinv.hermitian": lambda x, hermitian: np.linalg.pinv(symmetric(x), hermitian=hermitian),
        "linalg.pinv.singular": lambda a, b: np.linalg.pinv(a @ transposed(b)),
        "pinverse": lambda x, rcond=None: np.linalg.pinv(x, **given(rcond=rcond)),
        "linalg.lstsq.grad_oriented": lambda a, b, driver: np.linalg.lstsq(a, b)[0],
        "linalg.matrix_power": lambda x, n: np.linalg.matrix_power(x, n),
        "linalg.multi_dot": lambda x: np.linalg.multi_dot(x),
        "linalg.tensorinv": lambda x, ind=2: np.linalg.tensorinv(x, ind),
        "linalg.tensorsolve": lambda a, b, dims=None: np.linalg.tensorsolve(a, b, axes(dims)),
        "linalg.vander": lambda x, N=None: np.vander(x, N, increasing=True),
        **{f"fft.{name}": fourier(name) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")},
        **{f"fft.{name}": fourier_2(name) for name in ("fft2", "ifft2", "rfft2", "irfft2")},
        **{f"fft.{name}": fourier_n(name) for name in ("fftn", "ifftn", "rfftn", "irfftn")},
    }
    table |= {  # what networks are made of
        "nn.functional.relu": lambda x: own.relu(x),
        "nn.functional.relu6": lambda x: np.clip(x, 0.0, 6.0),
        "nn.functional.leaky_relu": lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        "nn.functional.elu": lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0))),
        "nn.functional.celu": lambda x, alpha=1.0: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0) / alpha)),
        "nn.functional.selu": selu,
        "nn.functional.gelu": gelu,
        "nn.functional.glu": glu,
        "nn.functional.silu": lambda x: x * special.expit(x),
        "nn.functional.mish": lambda x: x * np.tanh(np.logaddexp(0.0, x)),
        "nn.functional.softplus": softplus,
        "nn.functional.softsign": lambda x: x / (1 + np.abs(x)),
        "nn.functional.tanhshrink": lambda x: x - np.tanh(x),
        "nn.functional.softshrink": lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x - np.sign(x) * lambd, 0.0),
        "nn.functional.hardshrink": lambda x, lambd=0.5: np.where((x >= -lambd) & (x <= lambd), 0.0, x),
        "nn.functional.hardtanh": lambda x, min_val=-1.0, max_val=1.0: np.clip(x, min_val, max_val),
        "nn.functional.hardsigmoid": lambda x: np.clip(x + 3, 0.0, 6.0) / 6,
        "nn.functional.hardswish": lambda x: x * np.clip(x + 3, 0.0, 6.0) / 6,
        "nn.functional.threshold": lambda x, threshold, value: np.where(x > threshold, x, value),
        "nn.functional.softmin": lambda x, dim, dtype=None: own.softmax(-x, axis=dim),
        "nn.functional.normalize": of_one_axis(
            lambda x, p=2.0, dim=1, eps=1e-12: x / np.maximum(np.linalg.norm(x, p, axis=dim, keepdims=True), eps)
        ),
        "nn.functional.linear": lambda x, w, b=0.0: x @ np.transpose(w) + b,
        "nn.functional.bilinear": lambda a, b, w, bias=0.0: np.einsum("...i,kij,...j->...k", a, w, b) + bias,
        "nn.functional.layer_norm": layer_norm,
        "nn.functional.group_norm": group_norm,
        "nn.functional.binary_cross_entropy_with_logits": entropy_of_logits,
        "nn.functional.gaussian_nll_loss": normal_loss,
        "nn.functional.prelu": leaky,
        "nn.functional.rms_norm": rms_norm,
        "nn.functional.cosine_similarity": of_one_axis(cosine_similarity),
        "nn.functional.pairwise_distance": lambda a, b, p=2.0, eps=1e-6, keepdim=False: np.linalg.norm(
            a - b + eps, p, axis=-1, keepdims=keepdim
        ),
        "nn.functional.pdist": lambda x, p=2: np.linalg.norm(
            x[np.triu_indices(len(x), 1)[0]] - x[np.triu_indices(len(x), 1)[1]], p, axis=-1
        ),
        "nn.functional.embedding": lambda weight, index: weight[index],
        "nn.functional.mse_loss": lambda x, y, reduction="mean": reduced((x - y) ** 2, reduction),
        "nn.functional.l1_loss": lambda x, y, reduction="mean": reduced(np.abs(x - y), reduction),
        "nn.functional.huber_loss": huber,
        "nn.functional.smooth_l1_loss": smooth_l1,
        "nn.functional.soft_margin_loss": lambda x, y, reduction="mean": reduced(np.log1p(np.exp(-y * x)), reduction),
        "nn.functional.hinge_embedding_loss": lambda x, y, margin=1.0, reduction="mean": reduced(
            np.where(y == 1, 0.0, np.maximum(margin - x, 0.0)) + np.where(y == -1, 0.0, x), reduction
        ),
        "nn.functional.margin_ranking_loss": lambda a, b, y, margin=0.0, reduction="mean": reduced(
            np.maximum(-y * (a - b) + margin, 0.0), reduction
        ),
        "nn.functional.kl_div": lambda x, y, reduction="mean", log_target=False: batch_reduced(
            np, np.exp(y) * (y - x) if log_target else special.xlogy(y, y) - y * x, reduction
        ),
        "nn.functional.binary_cross_entropy": lambda x, y, weight=1.0, reduction="mean": reduced(
            -weight * (y * np.log(x) + (1 - y) * np.log1p(-x)), reduction
        ),
        "nn.functional.scaled_dot_product_attention": attention,
        "nn.functional.pixel_shuffle": lambda x, upscale_factor: shuffled(np, x, upscale_factor),
        "nn.functional.channel_shuffle": lambda x, groups: np.reshape(
            np.swapaxes(np.reshape(x, (np.shape(x)[0], groups, np.shape(x)[1] // groups, *np.shape(x)[2:])), 1, 2),
            np.shape(x),
        ),
    }
    return table


def mean_beside(np: Any, x: Any, dim: Any = None, unbiased: Any = True, keepdim: bool = False, **options: Any) -> Any:
    return np.mean(x, axis=None if isinstance(dim, bool) else over(dim), keepdims=keepdim)


def batch_reduced(np: Any, x: Any, reduction: str) -> Any:
    if reduction == "batchmean":
        return np.sum(x) / np.shape(x)[0]
    return x if reduction == "none" else np.mean(x) if reduction == "mean" else np.sum(x)


def shuffled(np: Any, x: Any, r: int) -> Any:
    *batch, c, h, w = np.shape(x)
    n = len(batch)
    parts = np.reshape(x, (*batch, c // r**2, r, r, h, w))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return np.reshape(np.transpose(parts, order), (*batch, c // r**2, h * r, w * r))
