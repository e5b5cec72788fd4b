"""PyTorch's public table of sample inputs (OpInfo), said in NumPy: values and gradients against PyTorch's own.

`python -m tests.test_opinfo` prints how many functions are right on all of their samples, and the same for HIPS
autograd, which is asked the same programs. Needs the extra `peers`.
"""

from __future__ import annotations

import importlib
import random
import sys
import warnings
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import microgd as mg
from tests.opinfo_table import Program, programs

TWICE = 3  # of how many samples of a function the second derivative is compared too
TABLE = programs(np, SimpleNamespace(), SimpleNamespace())  # for its names

# What the two answer differently, each with the reason: PyTorch's name and the samples, by number.
EXCEPTIONS: dict[str, list[tuple[Any, str]]] = {
    "cat": [([5], "PyTorch leaves out an empty vector among matrices; NumPy refuses it")],
    "einsum": [([10], "NumPy wants '...' in the output where it stands in an input")],
    "gather": [([4], "NumPy wants as many axes in the indices")],
    "linalg.lstsq.grad_oriented": [(range(12, 36), "NumPy's takes one matrix, not several")],
    "linalg.norm.subgradients_at_zero": [
        ([0, 2], "the second derivative at 0 is nan in PyTorch, which is not continued from anywhere"),
        ([38, 43, 44, 47, 52, 53], "a convention: the slope of a norm at 0 is 0; PyTorch has another subgradient"),
    ],
    "linalg.vander": [([0, 6, 7, 8, 9], "NumPy's takes one axis")],
    "median": [([3, 4, 5, 9, 11], "of an even number NumPy takes the mean of two, PyTorch the lower one")],
    "nanmedian": [([3, 4, 5, 9, 11], "of an even number NumPy takes the mean of two, PyTorch the lower one")],
    "nn.functional.hardsigmoid": [([0], "PyTorch's slope of 1/6 is rounded to float32")],
    "nn.functional.scaled_dot_product_attention": [
        ([*range(2, 24, 4), *range(3, 24, 4)], "drops elements at random"),
    ],
    "tensordot": [([2], "PyTorch broadcasts the axes that are summed over; NumPy refuses")],
}

# Functions of PyTorch's that have a gradient and no program in NumPy of a line or two.
LEFT_OUT = {
    "convolutions, pooling, resampling and other functions of images and sequences": """
        _upsample_bilinear2d_aa grid_sampler_2d grid_sampler_3d max_pool2d_with_indices_backward stft
        nn.functional.adaptive_avg_pool1d nn.functional.adaptive_avg_pool2d nn.functional.adaptive_avg_pool3d
        nn.functional.adaptive_max_pool1d nn.functional.adaptive_max_pool2d nn.functional.adaptive_max_pool3d
        nn.functional.avg_pool1d nn.functional.avg_pool2d nn.functional.avg_pool3d nn.functional.conv1d
        nn.functional.conv2d nn.functional.conv3d nn.functional.conv_transpose1d nn.functional.conv_transpose2d
        nn.functional.conv_transpose3d nn.functional.ctc_loss nn.functional.fractional_max_pool2d
        nn.functional.fractional_max_pool3d nn.functional.grid_sample nn.functional.interpolate
        nn.functional.local_response_norm nn.functional.max_pool1d nn.functional.max_pool2d nn.functional.max_pool3d
        nn.functional.max_unpool1d nn.functional.max_unpool2d nn.functional.max_unpool3d
        nn.functional.pixel_unshuffle nn.functional.unfold nn.functional.upsample_bilinear
        nn.functional.upsample_nearest
    """,
    "layers and losses of many options, which are made of functions that are here": """
        _batch_norm_with_update _native_batch_norm_legit _softmax_backward_data masked.logaddexp masked.normalize
        native_batch_norm native_group_norm native_layer_norm nn.functional.batch_norm
        nn.functional.cosine_embedding_loss nn.functional.cross_entropy nn.functional.embedding_bag
        nn.functional.instance_norm nn.functional.linear_cross_entropy nn.functional.multi_head_attention_forward
        nn.functional.multi_margin_loss nn.functional.multilabel_margin_loss
        nn.functional.multilabel_soft_margin_loss nn.functional.nll_loss nn.functional.poisson_nll_loss
        nn.functional.triplet_margin_loss nn.functional.triplet_margin_with_distance_loss
        torch.ops.aten._safe_softmax.default
    """,
    "random": """
        bernoulli native_dropout_backward nn.functional.alpha_dropout nn.functional.dropout nn.functional.dropout2d
        nn.functional.dropout3d nn.functional.feature_alpha_dropout nn.functional.rrelu normal pca_lowrank svd_lowrank
    """,
    "about memory, types and storage": """
        alias_copy as_strided as_strided_copy as_strided_scatter bfloat16 cdouble cfloat chalf contiguous double float
        half resolve_conj resolve_neg sparse.mm sparse.sampled_addmm to to_sparse zero_ fill
    """,
    "what NumPy does in place, by np.add.at and its kin": """
        _segment_reduce _unsafe_masked_index _unsafe_masked_index_put_accumulate index_add index_put index_reduce put
        scatter_add scatter_reduce
    """,
    "no counterpart in NumPy, or a complex one": """
        diag_embed fft.hfft2 fft.hfftn fft.ihfft2 fft.ihfftn linalg.eig linalg.eigvals linalg.householder_product
        linalg.lstsq linalg.lu linalg.lu_factor linalg.lu_factor_ex linalg.lu_solve lu lu_solve lu_unpack
        masked.median matrix_exp mode nextafter ormqr renorm
    """,
}


def leading(u: Any, s: Any, vh: Any) -> Any:
    """Return what does not depend on the signs of singular vectors, of those that belong to singular values."""
    k = s.shape[-1]
    return u[..., :k].abs(), s, vh[..., :k, :].abs()


# What is compared of PyTorch's results, where that is not all of them.
COMPARED: dict[str, Callable[[Any], Any]] = {
    "linalg.cholesky_ex": lambda found: found[0],
    "linalg.eigh": lambda found: (found[0], found[1].abs()),
    "linalg.inv_ex": lambda found: found[0],
    "linalg.lstsq.grad_oriented": lambda found: found[0],
    "linalg.solve_ex": lambda found: found[0],
    "linalg.svd": lambda found: leading(*found),
    "svd": lambda found: leading(found[0], found[1], found[2].mH),
    "triangular_solve": lambda found: found[0],
}


class Library(NamedTuple):
    """A library that differentiates NumPy: its NumPy, the programs in it, its gradient, and how to see a number."""

    np: Any
    table: dict[str, Program]
    grad: Callable[..., Any]
    bare: Callable[[Any], Any]


class Answer(NamedTuple):
    """What a library says of one sample: values, gradients, and second derivatives where they were asked for."""

    values: list[Any]
    gradients: list[Any]
    seconds: list[Any]


def microgd() -> Library:
    special = pytest.importorskip("scipy.special", reason="SciPy is not installed; it is in the extra `peers`")
    own = SimpleNamespace(relu=mg.relu, softmax=mg.softmax, logsumexp=mg.logsumexp, with_item=mg.with_item)
    own.polygamma = importlib.import_module("microgd.autograd.rules.special").polygamma
    return Library(np, programs(np, special, own), mg.grad, lambda y: y.data if isinstance(y, mg.Value) else y)


def hips_autograd() -> Library:
    anp, special = importlib.import_module("autograd.numpy"), importlib.import_module("autograd.scipy.special")
    own = SimpleNamespace(logsumexp=special.logsumexp, polygamma=special.polygamma, relu=lambda x: anp.maximum(x, 0.0))
    own.softmax = lambda x, axis: anp.exp(x - special.logsumexp(x, axis=axis, keepdims=True))
    getval = importlib.import_module("autograd.tracer").getval

    def bare(y: Any) -> Any:
        return bare(getval(y)) if getval(y) is not y else y

    return Library(anp, programs(anp, special, own), importlib.import_module("autograd").grad, bare)


def map_all(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return nested lists, tuples and dicts with a function applied to what they hold."""
    if isinstance(tree, dict):
        return {key: map_all(function, part) for key, part in tree.items()}
    if isinstance(tree, list | tuple):
        parts = [map_all(function, part) for part in tree]
        return parts if isinstance(tree, list) else tuple(parts)
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    found: list[Any] = []
    map_all(found.append, tree)
    return found


def weights(shape: Any, seed: int) -> Any:
    """Return the cotangent of a result: each element counts differently."""
    return np.cos(1.3 * np.arange(int(np.prod(shape))) + seed + 0.3).reshape(tuple(shape))


# PyTorch's answers ----------------------------------------------------------------------------------------------------


@cache
def operations() -> dict[str, list[Any]]:
    """Return PyTorch's functions that have a gradient, by their names in the table, each with its variants."""
    for module in ("torch", "expecttest"):
        pytest.importorskip(module, reason=f"{module} is not installed; it is in the extra `peers`")
    torch, arguments = importlib.import_module("torch"), sys.argv
    torch.set_num_threads(1)  # the samples are small
    try:
        sys.argv = arguments[:1]  # which PyTorch's own tests would read
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            operations = importlib.import_module("torch.testing._internal.common_methods_invocations").op_db
    finally:
        sys.argv = arguments
    found: dict[str, list[Any]] = {}
    for operation in operations:
        if operation.supports_autograd and torch.float64 in operation.supported_dtypes("cpu"):
            name = full_name(operation)
            found.setdefault(name if name in TABLE else operation.name, []).append(operation)
    return found


def full_name(operation: Any) -> str:
    return f"{operation.name}.{operation.variant_test_name}".rstrip(".")


def samples(operation: Any) -> list[tuple[int, Any, bool]]:
    """Return a function's samples, the same ones each time, and whether to differentiate them twice."""
    torch = importlib.import_module("torch")

    def double(x: Any) -> Any:
        if isinstance(x, torch.Tensor) and x.dtype == torch.float32:
            return x.detach().double().requires_grad_(x.requires_grad)
        return x

    torch.manual_seed(0)
    random.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = list(operation.sample_inputs("cpu", torch.float64, requires_grad=True))
    return [
        (number, map_all(double, ((x.input, *x.args), x.kwargs)), operation.supports_gradgrad and number < TWICE)
        for number, x in enumerate(made)
    ]


def differentiable(arguments: Any) -> list[Any]:
    return [x for x in leaves(arguments) if getattr(x, "requires_grad", False)]


def pytorchs(operation: Any, arguments: Any, twice: bool) -> Answer:
    torch, wanted = importlib.import_module("torch"), differentiable(arguments)

    def total(found: list[Any], seed: int) -> Any:
        """Return the sum of results with their cotangents; of complex ones the two parts count apart."""
        parts = [(y.real, y.imag) if y.is_complex() else (y,) for y in found]
        return sum(
            (part * torch.tensor(weights(part.shape, i + 5 * j))).sum()
            for i, both in enumerate(parts, seed)
            for j, part in enumerate(both)
        )

    def gradients(y: Any, again: bool) -> list[Any]:
        if not getattr(y, "requires_grad", False):
            return [torch.zeros_like(x) for x in wanted]
        found = torch.autograd.grad(y, wanted, allow_unused=True, create_graph=again)
        return [torch.zeros_like(x) if d is None else d for x, d in zip(wanted, found, strict=True)]

    def bare(found: list[Any]) -> list[Any]:
        return [y.detach().resolve_conj().numpy(force=True) for y in found]

    positional, options = arguments
    result = operation.gradcheck_wrapper(operation.op, *positional, **options)
    result = COMPARED.get(full_name(operation), lambda found: found)(result)
    values = [y for y in leaves(result) if isinstance(y, torch.Tensor) and (y.is_floating_point() or y.is_complex())]
    first = gradients(total(values, 0), twice)
    return Answer(bare(values), bare(first), bare(gradients(total(first, 9), False)) if twice else [])


# The same in NumPy ----------------------------------------------------------------------------------------------------


def answer_of(library: Library, entry: str, arguments: Any, twice: bool) -> Answer:
    xp = library.np
    values: list[Any] = []
    at = [x.detach().numpy().copy() for x in differentiable(arguments)]

    def total(found: list[Any], seed: int) -> Any:
        numbers: Any = 0.0
        for i, y in enumerate(found, seed):
            numbers = numbers + xp.sum(xp.real(y) * weights(xp.shape(y), i))
            if np.iscomplexobj(library.bare(y)):
                numbers = numbers + xp.sum(xp.imag(y) * weights(xp.shape(y), i + 5))
        return numbers

    def loss(inputs: list[Any]) -> Any:
        given = iter(inputs)

        def in_numpy(x: Any) -> Any:
            if getattr(x, "requires_grad", False):
                return next(given)
            return x.numpy() if hasattr(x, "numpy") else x

        positional, options = map_all(in_numpy, arguments)
        result = library.table[entry](*positional, **options)
        found = leaves(result if hasattr(result, "shape") or not np.iterable(result) else list(result))
        values[:] = [library.bare(y) for y in found]
        return total(found, 0)

    first = library.grad(loss)(at)
    answers = list(values)
    second = library.grad(lambda inputs: total(library.grad(loss)(inputs), 9))(at) if twice else []
    return Answer(answers, first, second)


def problem(library: Library, entry: str, operation: Any, arguments: Any, twice: bool) -> str | None:
    """Return in what a library's answer is not PyTorch's, or None."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = pytorchs(operation, arguments, twice)
        try:
            found = answer_of(library, entry, arguments, twice)
        except Exception as error:  # whatever a library raises is an answer too
            return f"{type(error).__name__}: {error}"
        for what, ours, theirs in zip(Answer._fields, found, expected, strict=True):
            if list(map(np.shape, ours)) != list(map(np.shape, theirs)):
                return f"{what} of shapes {list(map(np.shape, ours))}, not {list(map(np.shape, theirs))}"
            limit = 1e-8 if what == "seconds" else 1e-9
            for y, z in zip(ours, theirs, strict=True):
                if np.asarray(y).dtype.kind not in "fiubc":
                    return f"{what} are no numbers"
                if not np.allclose(y, z, rtol=limit, atol=limit, equal_nan=True):
                    return f"{what} differ by {np.max(np.abs(y - z)):.1e}"
    return None


def excepted(operation: Any) -> set[int]:
    return {number for numbers, _ in EXCEPTIONS.get(full_name(operation), []) for number in numbers}


@pytest.mark.parametrize("entry", sorted(TABLE))
def test_pytorchs_samples_agree(entry: str) -> None:
    wrong = []
    for operation in operations()[entry]:
        for number, arguments, twice in samples(operation):
            found = problem(microgd(), entry, operation, arguments, twice)
            if number in excepted(operation):
                found = None if found else "is an exception of the table, and right"
            wrong += [f"{full_name(operation)}, sample {number}: {found}"] if found else []
    assert not wrong, "\n".join(wrong)


def test_every_function_is_said_in_numpy_or_left_out_for_a_reason() -> None:
    left_out = [name for names in LEFT_OUT.values() for name in names.split()]
    assert len(left_out) == len(set(left_out))
    assert {*TABLE, *left_out} == set(operations())
    assert not {*TABLE} & {*left_out}
    assert set(EXCEPTIONS) <= {full_name(operation) for entry in TABLE for operation in operations()[entry]}


@pytest.mark.parametrize("what", Answer._fields)
def test_a_wrong_answer_is_noticed(what: str) -> None:
    (operation,) = operations()["sin"]
    _, arguments, _ = samples(operation)[0]
    right = microgd()
    faults = {
        "values": right._replace(table={"sin": lambda x: np.sin(x) + 1e-7}),
        "gradients": right._replace(grad=lambda f: lambda at: [1.000001 * d for d in mg.grad(f)(at)]),
        "seconds": right._replace(table={"sin": straight}),
    }
    assert problem(right, "sin", operation, arguments, True) is None
    assert what in str(problem(faults[what], "sin", operation, arguments, True))


def straight(x: Any) -> Any:
    """The tangent of sin at x: right in value and slope, and not curved."""
    at = x.detach()
    return np.sin(at) + (x - at) * np.cos(at)


# By hand --------------------------------------------------------------------------------------------------------------


def count(library: Library, twice: bool) -> tuple[int, int, int]:
    """Return how many functions are right on all samples, exceptions aside; how many are wrong on some; the samples."""
    right = wrong = tried = 0
    for entry in TABLE:
        problems: list[str | None] = []
        for operation in operations()[entry]:
            for number, arguments, again in samples(operation):
                if number not in excepted(operation):
                    problems.append(problem(library, entry, operation, arguments, again and twice))
        right += not any(problems)
        wrong += any(found is not None and found.startswith(Answer._fields) for found in problems)
        tried += len(problems)
    return right, wrong, tried


def main() -> None:
    for name, library in (("microgd", microgd()), ("HIPS autograd", hips_autograd())):
        for twice in (False, True):
            right, wrong, tried = count(library, twice)
            orders = "values, gradients and second derivatives" if twice else "values and gradients"
            print(
                f"{name}: {orders} right on all of {tried} samples for {right} of {len(TABLE)} functions; "
                f"{wrong} wrong on some, {len(TABLE) - right - wrong} refused"
            )


if __name__ == "__main__":
    main()
