"""Writing a recorded step as NumPy source: what is computed, where it is kept, and how it reads.

The lines of a `Trace` become lines of Python. Lines that nothing depends on are dropped. Each array result gets a
buffer, allocated once; a buffer whose array is no longer needed is used again. Long elementwise chains are evaluated
block by block, so that what lies between stays in the processor's cache. A parameter is updated in place.
"""

from __future__ import annotations

import ast
import inspect
import keyword
import math
import operator
import re
import textwrap
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..autograd.rules.table import RULES, Function, full_name
from ..autograd.symbols import INFIX, identifier
from .tracing import CompileError, Line, Trace, Traced, bare, traced_in

CACHE = 3 << 18  # bytes of one block of a chain with all its buffers: three quarters of a second-level cache of 1 MiB
LONG = 1 << 17  # elements from which a chain is worth evaluating block by block
SMALL = 64  # elements up to which a constant array is written out
NEVER = 1 << 60

STEP = '''\
"""One call of {name}, as NumPy. A call without `=` before it writes to its last argument."""
{imports}

{helpers}
def make_step({parameters}):
{preamble}
    def {name}({arguments}):
{body}
        return {returned}

    return {name}
'''


class Writer:
    """A recorded step, written out: `source` defines `make_step`, which takes the arrays that stay and gives the step.

    Args:
        name: What to call the step.
        trace: What it did.
        returned: What it is to return: traced arrays and numbers.
        written: Pairs: an array that stays, and what it becomes.

    Attributes:
        source: The text.
        parameters: The arrays that stay, by name: what `make_step` takes.
        arguments: The names of the arguments of the step.
    """

    def __init__(self, name: str, trace: Trace, returned: list[Any], written: list[tuple[Traced, Any]]) -> None:
        self.names: dict[Traced, str] = {}
        self.taken: set[str] = {"np", "make_step", "math", *(ufunc_of(line).__name__ for line in trace.lines)}
        self.parameters: dict[str, Any] = {}
        self.constants: dict[Any, str] = {}
        self.boxes: dict[Any, str] = {}
        self.imports: dict[str, set[str]] = {}
        self.helpers: dict[Any, str] = {}
        self.preamble: list[str] = []
        self.body: list[str] = []
        self.free: dict[Any, list[Traced]] = {}  # buffers no longer needed, by shape and type
        self.buffers: dict[Traced, Traced] = {}  # where an array is kept: the first array that had that buffer

        self.arguments = [self.new_name(t, t.name) for t in (*trace.arguments, *trace.changing())]
        self.static = set(trace.standing())  # arrays whose memory is the same at each call
        for t in trace.standing():
            self.parameters[self.new_name(t, t.name)] = t.value

        self.written = [(stays, new) for stays, new in written if new is not stays]
        returned = copied_in_time(trace, returned, {stays for stays, _ in self.written})
        results = [*traced_in(returned), *traced_in([new for _, new in self.written])]
        self.lines = alive(trace.lines, results)
        self.owner = owners(self.lines)
        self.shown = may_show(self.lines)
        self.fresh = {held for t in traced_in(returned) for held in self.held(t)}  # given away, so in new memory
        self.last_use = self.last_uses(results)
        self.in_place = self.updates_in_place()
        groups = grouped(self.lines, self.in_place)
        self.lines = [line for group in groups for line in group]
        self.last_use = self.last_uses(results)

        place = 0
        for group in groups:
            place += len(group)
            if len(group) == 1:
                self.write_line(group[0])
            else:
                self.write_blocks(group)
            self.release(group, place - 1)
        for stays, new in self.written:
            if self.in_place.get(new) is not stays:
                self.add(f"{self.names[stays]}[...] = {self.argument(new)}")
        self.source = self.text(name, returned)

    # Names ------------------------------------------------------------------------------------------------------------

    def new_name(self, traced: Traced, base: str) -> str:
        """Give a traced array a name of its own."""
        self.names[traced] = self.word(base)
        return self.names[traced]

    def word(self, base: str) -> str:
        """Return a name that nothing else has."""
        text = re.sub(r"\W+", "_", base).strip("_") or "value"
        if text[0].isdigit() or keyword.iskeyword(text):
            text = f"_{text}"
        base, _, digits = text.rpartition("_") if text[-1].isdigit() else (text, "", "1")
        name, number = text, int(digits) if digits.isdigit() else 1
        while name in self.taken:
            number += 1
            name = f"{base or text}_{number}"
        self.taken.add(name)
        return name

    def root(self, traced: Any) -> Any:
        """Return the array whose memory this one shows."""
        return self.owner.get(traced, traced)

    def held(self, traced: Traced) -> tuple[Traced, ...]:
        """Return the arrays whose memory must stay as it is while this one is needed."""
        return self.shown.get(traced, (traced,))

    def argument(self, x: Any, dtype: Any = None) -> str:
        """Return an argument as source; with a dtype, a number as an array of that type, made once."""
        if type(x) is Traced:
            return self.names[x] if dtype is None or isinstance(x.value, np.ndarray) else self.boxed(x, dtype)
        if isinstance(x, np.ndarray):
            return self.constant(x)
        if (type(x) in (float, int, bool) or isinstance(x, np.generic)) and dtype is not None:
            return self.constant(np.asarray(x, dtype=dtype))
        if isinstance(x, float | np.floating):
            number = float(x)
            return repr(number) if math.isfinite(number) else f"float({str(number)!r})"
        if isinstance(x, tuple):
            return f"({', '.join(map(self.argument, x))}{',' if len(x) == 1 else ''})"
        if isinstance(x, list):
            return f"[{', '.join(map(self.argument, x))}]"
        if isinstance(x, slice):
            return f"slice({self.argument(x.start)}, {self.argument(x.stop)}, {self.argument(x.step)})"
        if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
            return f"np.dtype({np.dtype(x).name!r})"
        if isinstance(x, type):
            return x.__name__
        return "..." if x is Ellipsis else repr(x)

    def boxed(self, number: Traced, dtype: Any) -> str:
        """Return the name of an array that holds a number of this call: NumPy would make one for each line instead."""
        if (number, dtype) not in self.boxes:
            name = self.boxes[number, dtype] = self.word(f"{self.names[number]}_array")
            self.preamble.append(f"{name} = np.empty((), dtype={dtype.name!r})")
            self.add(f"{name}[()] = {self.names[number]}")
        return self.boxes[number, dtype]

    def constant(self, array: np.ndarray[Any, Any], *, elementwise: bool = False) -> str:
        """Return the name of a constant array, written out in the preamble or taken as a parameter.

        Its layout is kept, for the bits of a product of matrices depend on it.
        """
        repeated = array.ndim > 0 and array.size > 0 and not any(array.strides)  # one number, broadcast
        if repeated and elementwise:
            return self.constant(np.array(array[(0,) * array.ndim]))
        key = (array.shape, array.strides, array.dtype, array.tobytes())
        if key in self.constants:
            return self.constants[key]
        order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
        in_order = array.transpose(order)
        if repeated:
            number = self.constant(np.array(array[(0,) * array.ndim]))
            self.constants[key] = self.word("constant")
            self.preamble.append(f"{self.constants[key]} = np.broadcast_to({number}, {array.shape})")
        elif array.size > SMALL or not array.size or not in_order.flags.c_contiguous:
            self.constants[key] = self.word("constant")
            self.parameters[self.constants[key]] = array
        else:
            text = re.sub(r"\W", "_", f"number {array.item()!r}") if array.size == 1 else "constant"
            self.constants[key] = self.word(text)
            dtype = "" if array.dtype == np.float64 else f", dtype={array.dtype.name!r}"
            numbers = str(in_order.tolist()).replace("nan", "np.nan").replace("inf", "np.inf")
            back = "" if order == sorted(order) else f".transpose({tuple(np.argsort(order).tolist())})"
            self.preamble.append(f"{self.constants[key]} = np.array({numbers}{dtype}){back}")
        return self.constants[key]

    # Memory -----------------------------------------------------------------------------------------------------------

    def last_uses(self, results: list[Traced]) -> dict[Traced, int]:
        """Return, for each array that has memory of its own, the last line that reads it."""
        found = {held: NEVER for t in results for held in self.held(t)}
        for place, line in enumerate(self.lines):
            for t in line.inputs():
                for held in self.held(t):
                    found[held] = max(place, found.get(held, 0))
        return found

    def updates_in_place(self) -> dict[Traced, Traced]:
        """Return which results can go straight into the array that stays: nobody reads its old numbers later."""
        fails = max((i for i, line in enumerate(self.lines) if can_raise(line)), default=-1)
        found: dict[Traced, Traced] = {}
        for stays, new in self.written:
            place = next((i for i, line in enumerate(self.lines) if line.result is new), -1)
            if place < 0 or new in found or new in self.fresh or place < fails or place < self.last_use.get(stays, -1):
                continue
            line = self.lines[place]
            reads_itself = any(held is stays for t in line.inputs() for held in self.held(t))
            same = new.shape == stays.shape and new.dtype == stays.dtype
            if same and takes_out(line) and (is_elementwise(line) or not reads_itself):
                found[new] = stays
        return found

    def destination(self, line: Line) -> str:
        """Return where the result of a line goes: in place, in a buffer that is free, or in a new one."""
        result = line.result
        if result in self.in_place:
            self.names[result] = self.names[self.in_place[result]]
            self.static.add(result)
            return self.names[result]
        name = self.new_name(result, result.name)
        order = (
            "" if result.value.flags.c_contiguous else ", order='F'"
        )  # as in the recorded call: the bits depend on it
        allocation = f"np.empty({result.shape}, dtype={result.dtype.name!r}{order})"
        if result in self.fresh:
            self.add(f"{name} = {allocation}")
            return name
        self.static.add(result)
        unused = self.free.get(room(result))
        if unused:
            self.buffers[result] = unused.pop()
            self.preamble.append(f"{name} = {self.names[self.buffers[result]]}  # its memory is free by then")
        else:
            self.buffers[result] = result
            self.preamble.append(f"{name} = {allocation}")
        return name

    def release(self, group: list[Line], place: int) -> None:
        """Let the buffers of arrays that are read for the last time be used again."""
        touched = (held for line in group for t in (*line.inputs(), line.result) for held in self.held(t))
        for t in dict.fromkeys(touched):
            if t in self.buffers and self.last_use.get(t, place) <= place:
                self.free.setdefault(room(t), []).append(self.buffers.pop(t))

    # Lines ------------------------------------------------------------------------------------------------------------

    def add(self, text: str, comment: str = "", *, indent: int = 0) -> None:
        """Add a line to the body of the step."""
        text = "    " * indent + text
        self.body.append(f"{text:<56}  # {comment}" if comment else text)

    def write_line(self, line: Line) -> None:
        """Write one call."""
        result = line.result
        if not isinstance(result.value, np.ndarray):
            text = self.number(line)
            self.add(f"{self.new_name(result, result.name)} = {text}", line.comment)
        elif result in self.owner:
            text = f"{self.new_name(result, result.name)} = {self.call(line)}"
            if self.root(result) in self.static:
                self.static.add(result)
                self.preamble.append(text)
            else:
                self.add(text, line.comment)
        elif takes_out(line):
            if is_elementwise(line):  # its result may take the place of one of its inputs
                here = self.lines.index(line)
                dying = dict.fromkeys(t for t in line.inputs() if t in self.buffers and self.last_use[t] == here)
                for t in dying:
                    if room(t) == room(result):
                        self.free.setdefault(room(t), []).append(self.buffers.pop(t))
            self.add(self.call_into(line, self.destination(line)), line.comment)
        else:
            self.add(f"{self.new_name(result, result.name)} = {self.call(line)}", line.comment)

    def call_into(self, line: Line, out: str) -> str:
        """Return the source of a call whose result goes into an array."""
        function, arguments = line.function, line.arguments
        if function is np.dot:
            return f"{self.call(line)[:-1]}, {out})"
        if (ufunc := reduced(line)) is not None:
            axis, keepdims = reduction_options(line)
            tail = ", True" if keepdims else ""
            return f"{self.imported(ufunc)}.reduce({self.argument(arguments[0])}, {axis}, None, {out}{tail})"
        dtype = line.result.dtype
        if dtype.kind != "f":
            dtype = next(x.dtype for x in map(bare, arguments) if hasattr(x, "dtype"))
        given = ", ".join(
            self.constant(x, elementwise=is_elementwise(line)) if isinstance(x, np.ndarray) else self.argument(x, dtype)
            for x in arguments
        )
        by_name = "out=" if function in (np.maximum, np.minimum) else ""  # NumPy wants it so
        return f"{self.imported(function)}({given}, {by_name}{out})"

    def call(self, line: Line) -> str:
        """Return the source of a call that makes its own result."""
        function, arguments, options = line.function, line.arguments, line.options
        if (ufunc := reduced(line)) is not None:
            axis, keepdims = reduction_options(line)
            tail = ", None, None, True" if keepdims else ""
            return f"{self.imported(ufunc)}.reduce({self.argument(arguments[0])}, {axis}{tail})"
        if function is np.dot and isinstance(bare(arguments[0]), np.ndarray):
            return f"{self.argument(arguments[0])}.dot({self.argument(arguments[1])})"
        if function is float:
            return self.argument(arguments[0])
        if function is operator.getitem:
            return f"{self.argument(arguments[0])}[{self.argument(arguments[1])}]"
        if function is np.transpose and len(arguments) == 1 and not options:
            return f"{self.argument(arguments[0])}.T"
        if function is np.astype:
            return f"{self.argument(arguments[0])}.astype({self.argument(arguments[1])})"
        given = [self.argument(x) for x in arguments] + [f"{k}={self.argument(x)}" for k, x in options.items()]
        return f"{self.called(function)}({', '.join(given)})"

    def number(self, line: Line) -> str:
        """Return the source of a call whose result is a number."""
        function, arguments = line.function, line.arguments
        if not all(isinstance(bare(x), float | int) for x in arguments) or line.options:
            text = self.call(line)
            return f"float({text})" if type(line.result.value) is float else text
        given = [self.argument(x) for x in arguments]
        if function in INFIX and len(given) == 2:
            return f"{given[0]} {INFIX[function][0]} {given[1]}"
        if function is np.negative:
            return f"-{given[0]}"
        if function is np.power and type(arguments[1]) in (int, float) and arguments[1] == 2:
            return f"{given[0]} * {given[0]}"
        scalar = RULES[function].scalar if function in RULES else None
        if scalar is None:
            text = f"{self.called(function)}({', '.join(given)})"
            return f"float({text})" if type(line.result.value) is float else text
        if scalar.__module__ == "math":
            return f"math.{scalar.__name__}({', '.join(given)})"
        if scalar.__module__ != "builtins":
            return f"{self.helper(scalar, f'{function.__name__}_of_number')}({', '.join(given)})"
        return f"{scalar.__name__}({', '.join(given)})"

    def called(self, function: Function) -> str:
        """Return the name by which a function is called: NumPy's, SciPy's or one of our own."""
        name = full_name(function)
        if name.startswith("np."):
            return name
        return self.imported(function) if isinstance(function, np.ufunc) else self.helper(function)

    def imported(self, ufunc: Any) -> str:
        """Return a ufunc's name, imported at the top."""
        module, _, name = full_name(ufunc).rpartition(".")
        known_as = name if module == "np" or not hasattr(np, name) else identifier(ufunc)  # SciPy has an exp2 too
        self.imports.setdefault("numpy" if module == "np" else module, set()).add(
            name if known_as == name else f"{name} as {known_as}"
        )
        return known_as

    def helper(self, function: Function, name: str = "") -> str:
        """Return the name of a function of microgd's own, whose source is put beside the step."""
        function = inspect.unwrap(function)
        if function not in self.helpers:
            self.helpers[function] = ""  # its place, before those that it needs itself
            for needed in function.__code__.co_names:
                other = function.__globals__.get(needed)
                if callable(other) and getattr(other, "__module__", "").startswith("microgd"):
                    self.helper(other)
                elif inspect.ismodule(other) and needed not in ("np", "math"):
                    self.helpers[needed] = f"import {other.__name__} as {needed}"
                elif isinstance(other, float | int):
                    self.helpers[needed] = f"{needed} = {other!r}"
            self.helpers[function] = plain_source(function, name)
        return name or function.__name__

    # Blocks -----------------------------------------------------------------------------------------------------------

    def write_blocks(self, group: list[Line]) -> None:
        """Write a chain of long elementwise calls as a loop over blocks; what only the chain needs is never whole."""
        inside = {line.result: None for line in group}  # in order
        readers = {t for line in self.lines if line not in group for t in line.inputs()}
        whole = {t: None for t in inside if t in readers or self.last_use.get(t, 0) == NEVER}
        outside = {t: None for line in group for t in line.inputs() if t not in inside and type(t.value) is np.ndarray}
        for line in group:
            if line.result in whole:
                self.destination(line)
        names, opening = dict(self.names), []
        for t in (*outside, *whole):
            flat, part = self.word(f"{names[t]}_flat"), self.word(f"{names[t]}_part")
            text = f"{flat} = {names[t]}.reshape(-1)"
            if t in self.static:
                self.preamble.append(text)
            else:
                self.add(text)
            opening.append(f"{part} = {flat}[start:stop]")
            self.names[t] = part

        last = {t: place for place, line in enumerate(group) for t in line.inputs()}
        kept: dict[Traced, str] = {}
        free: dict[Any, list[str]] = {}
        spaces: list[str] = []
        calls = []
        for place, line in enumerate(group):
            for t in [t for t in kept if last[t] == place]:  # its block may be the result's
                free.setdefault(t.dtype, []).append(kept.pop(t))
            if line.result not in whole:
                unused = free.get(line.result.dtype)
                if unused:
                    self.names[line.result] = unused.pop()
                else:
                    self.names[line.result] = self.word("block")
                    spaces.append(self.word("space"))
                    opening.append(f"{self.names[line.result]} = {spaces[-1]}[: stop - start]")
                    self.preamble.append(f"{spaces[-1]} = np.empty(BLOCK, dtype={line.result.dtype.name!r})")
                kept[line.result] = self.names[line.result]
            calls.append((self.call_into(line, self.names[line.result]), line.comment))

        size, width = group[0].result.size, max(line.result.dtype.itemsize for line in group)
        block = max(1024, CACHE // (width * (len(opening) or 1)) // 1024 * 1024)
        self.preamble = [text.replace("np.empty(BLOCK,", f"np.empty({block},") for text in self.preamble]
        self.add(f"for start in range(0, {size}, {block}):")
        self.add(f"stop = min(start + {block}, {size})", indent=1)
        for text in opening:
            self.add(text, indent=1)
        for text, comment in calls:
            self.add(text, comment, indent=1)
        self.names |= {t: names[t] for t in (*outside, *whole)}

    # The text ---------------------------------------------------------------------------------------------------------

    def text(self, name: str, returned: list[Any]) -> str:
        """Return the whole source."""
        results = ", ".join(  # a constant is the caller's own each time
            f"{self.constant(np.array(x))}.copy()" if isinstance(x, np.ndarray) else self.argument(x) for x in returned
        )
        body = "\n".join(self.body) or "pass"
        helpers = [text for text in self.helpers.values() if text]
        imports = ["import numpy as np"]
        if "math." in body + "".join(helpers):
            imports.insert(0, "import math\n")
        for module, names in sorted(self.imports.items()):
            imports.append(f"from {module} import {', '.join(sorted(names))}")
        return STEP.format(
            name=name,
            imports="\n".join(imports),
            helpers="\n\n".join(helpers) + "\n\n" if helpers else "",
            parameters=", ".join(self.parameters),
            preamble=textwrap.indent("".join(f"{text}\n" for text in self.preamble), "    "),
            arguments=", ".join(self.arguments),
            body=textwrap.indent(body, "        "),
            returned=results or "None",
        )


# What a line is -------------------------------------------------------------------------------------------------------


def is_elementwise(line: Line) -> bool:
    """Return whether a call is a ufunc with one result, which may be written over one of its inputs."""
    function = line.function
    return isinstance(function, np.ufunc) and function.nout == 1 and function.signature is None and not line.options


def takes_out(line: Line) -> bool:
    """Return whether a call can be told where to put its result."""
    result = line.result.value
    if isinstance(result, np.ndarray) and not (result.flags.c_contiguous or result.flags.f_contiguous):
        return False
    if line.function is np.dot or line.function is np.matmul:
        return True
    return is_elementwise(line) or reduced(line) is not None


REDUCTIONS: dict[Any, np.ufunc] = {np.sum: np.add, np.prod: np.multiply, np.max: np.maximum, np.min: np.minimum}


def reduced(line: Line) -> np.ufunc | None:
    """Return the ufunc that a call reduces with, if that is what it does."""
    if set(line.options) - {"axis", "keepdims"}:
        return None
    if getattr(line.function, "__name__", "") == "reduce":
        ufunc: np.ufunc = line.function.__self__  # type: ignore[attr-defined]
        return ufunc
    return REDUCTIONS.get(line.function)


def ufunc_of(line: Line) -> Function:
    """Return the function that a call is made by: of a reduction the ufunc."""
    return reduced(line) or line.function


def reduction_options(line: Line) -> tuple[Any, bool]:
    """Return the axis and keepdims of a reduction."""
    whole = line.function in REDUCTIONS
    axis = line.arguments[1] if len(line.arguments) > 1 else line.options.get("axis", None if whole else 0)
    return axis, bool(line.options.get("keepdims", False))


def can_raise(line: Line) -> bool:
    """Return whether Python may raise where NumPy would answer inf or nan: arithmetic on Python floats."""
    return not isinstance(line.result.value, np.ndarray) and line.function not in (np.add, np.subtract, np.multiply)


def alive(lines: list[Line], results: Iterable[Traced]) -> list[Line]:
    """Return the lines that results depend on, in order."""
    needed = set(results)
    found = []
    for line in reversed(lines):
        if line.result in needed:
            needed.update(line.inputs())
            found.append(line)
    return found[::-1]


def owners(lines: list[Line]) -> dict[Traced, Traced]:
    """Return, for each array that is a view, the array whose memory it shows."""
    found: dict[Traced, Traced] = {}
    for line in lines:
        for t in arrays_in(line):
            if not takes_out(line) and np.may_share_memory(line.result.value, t.value):
                found[line.result] = found.get(t, t)
                break
    return found


def copied_in_time(trace: Trace, returned: list[Any], overwritten: set[Traced]) -> list[Any]:
    """Return the results, with copies of those that show memory that the step overwrites: the weights of before."""
    if not any(isinstance(bare(x), np.ndarray) for x in returned):
        return returned  # a loss, as nearly always
    owner = owners(trace.lines)
    kept = []
    for x in returned:
        if type(x) is Traced and owner.get(x, x) in overwritten:
            copy = Traced(x.value.copy(), trace, x.name)
            made = next((i for i, line in enumerate(trace.lines) if line.result is x), -1)
            trace.lines.insert(made + 1, Line(np.copy, (x,), {}, copy, ""))
            x = copy
        kept.append(x)
    return kept


def may_show(lines: list[Line]) -> dict[Traced, tuple[Traced, ...]]:
    """Return, for each array that a call made as it liked, the arrays whose memory it may show, its own included."""
    found: dict[Traced, tuple[Traced, ...]] = {}
    for line in lines:
        if not takes_out(line):
            held = (t for given in arrays_in(line) for t in found.get(given, (given,)))
            found[line.result] = (line.result, *dict.fromkeys(held))
    return found


def arrays_in(line: Line) -> list[Traced]:
    """Return the traced arrays that a call reads, if its result is an array too."""
    if not isinstance(line.result.value, np.ndarray):
        return []
    return [t for t in line.inputs() if isinstance(t.value, np.ndarray)]


def room(traced: Traced) -> tuple[Any, ...]:
    """Return what two arrays must have in common for one to be kept where the other was."""
    return traced.shape, traced.dtype, traced.value.flags.c_contiguous


def grouped(lines: list[Line], in_place: dict[Traced, Traced]) -> list[list[Line]]:
    """Return the lines in an order in which long elementwise calls of one size stand together, each group as a list.

    A call joins the chain unless it needs something that itself waits for the chain, such as the sum of a whole array.
    """
    start = next((i for i, line in enumerate(lines) if long_shape(line) and line.result not in in_place), None)
    if start is None:
        return [[line] for line in lines]
    shape = long_shape(lines[start])
    before, chain, after = [[line] for line in lines[:start]], [], []
    inside: set[Traced] = set()
    waiting: set[Traced] = set()
    for line in lines[start:]:
        inputs = set(line.inputs())
        if long_shape(line) == shape and not inputs & waiting and line.result not in in_place:
            chain.append(line)
            inside.add(line.result)
        elif inputs & (inside | waiting) or line.result in in_place:
            after.append(line)
            waiting.add(line.result)
        else:
            before.append([line])
    return [*before, chain, *grouped(after, in_place)]


def long_shape(line: Line) -> tuple[int, ...] | None:
    """Return the shape of a call that is worth evaluating block by block, else None."""
    result = line.result.value
    if not is_elementwise(line) or not isinstance(result, np.ndarray) or result.size < LONG:
        return None
    for x in line.arguments:
        array = bare(x)
        whole = isinstance(array, np.ndarray) and (type(x) is Traced or any(array.strides))
        if whole and (array.shape != result.shape or not array.flags.c_contiguous):
            return None
    shape: tuple[int, ...] = result.shape
    return shape


def plain_source(function: Function, name: str) -> str:
    """Return the source of a function of microgd's own: no decorator, no types, no docstring."""
    if function.__name__ == "<lambda>":
        return f"{name} = {lambda_source(function)}"
    for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list, node.returns, node.name = [], None, name or node.name
            for argument in (*node.args.args, *node.args.kwonlyargs, *node.args.posonlyargs):
                argument.annotation = None
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:]
            return ast.unparse(node)
    raise unknown_source(function)


def lambda_source(function: Function) -> str:
    """Return the source of a lambda: of those on its line the one with its constants and names."""
    code = function.__code__
    for node in ast.walk(ast.parse(inspect.getsource(inspect.getmodule(function) or function))):
        if isinstance(node, ast.Lambda) and node.lineno == code.co_firstlineno:
            text = ast.unparse(node)
            other = eval(text, {}).__code__
            if all(getattr(other, part) == getattr(code, part) for part in ("co_consts", "co_names", "co_varnames")):
                return text
    raise unknown_source(function)


def unknown_source(function: Function) -> CompileError:
    """Return the error for a function whose source is not there."""
    return CompileError(f"the source of {function.__name__} cannot be found, so the step cannot be written out.")
