"""Saving and loading: a model, and all that training needs to go on, in one file in the safetensors format.

The file is eight bytes with the length of a JSON header, the header, and the arrays one after the other. The header
says where each array is; under `__metadata__` it holds the architecture and the state of training. There is no pickle
in it, so loading a file never runs code from it. Other programs that read safetensors read the weights.

A file is written beside its place and then moved there, so that at no moment is there half a file.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import operator
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..autograd.arrays import fetched
from .activations import ACTIVATIONS
from .callbacks import History, states_of
from .initializers import INITIALIZERS
from .layer import Layer
from .layers import LAYERS
from .losses import LOSSES, Loss
from .metrics import METRICS
from .names import look_up, name_of
from .optimizers import OPTIMIZERS, Optimizer
from .regularizers import L1L2, REGULARIZERS
from .schedules import SCHEDULES

if TYPE_CHECKING:
    from .training import Model

FORMAT = 1  # of what microgd writes under __metadata__; a reader refuses a larger one
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
}
NAME_OF_DTYPE = {dtype: name for name, dtype in DTYPES.items()}
ALIGNMENT = 8
PLAIN = (bool, int, float, str)  # settings of a loss that JSON holds

CLASSES: dict[str, type] = {
    **LAYERS,
    **SCHEDULES,
    **{kind.__name__: kind for kind in OPTIMIZERS.values()},
    "L1L2": L1L2,
    "dict": dict,
}
FUNCTIONS = {**ACTIVATIONS, **INITIALIZERS, **REGULARIZERS, **METRICS}  # METRICS holds the losses too


class ModelFileError(ValueError):
    """A file that no model can be loaded from, or not this one: truncated, foreign, of a newer version.

    Example:
        >>> issubclass(ModelFileError, ValueError)
        True
    """


@contextmanager
def whole_and_known(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what goes wrong with the content of a file into one error that names it."""
    try:
        yield
    except ModelFileError:
        raise
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError) as error:
        said = f"there is no {error} in it" if isinstance(error, KeyError) else str(error)
        raise ModelFileError(f"{path} is damaged, or does not fit this microgd or this model: {said}") from error


# The file -------------------------------------------------------------------------------------------------------------


def write_tensors(path: str | os.PathLike[str], arrays: Mapping[str, Any], metadata: Mapping[str, str]) -> None:
    """Write named arrays and texts to a file, at one stroke: there is the old file, or the whole new one."""
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    parts = []
    offset = 0
    for name, array in arrays.items():
        part = np.ascontiguousarray(array)
        part = part.astype(part.dtype.newbyteorder("<"), copy=False)
        header[name] = {
            "dtype": NAME_OF_DTYPE[part.dtype],
            "shape": list(np.shape(array)),
            "data_offsets": [offset, offset + part.nbytes],
        }
        offset += part.nbytes
        parts.append(part.tobytes())
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} in; make it first.")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; add the name of a file, as in {path / 'model.safetensors'}.")
    beside = path.with_name(f".{path.name}.tmp")
    with beside.open("wb") as file:
        file.writelines([len(text).to_bytes(8, "little"), text, *parts])
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read_tensors(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the named arrays and texts of a file.

    Raises:
        FileNotFoundError: If it is not there.
        ModelFileError: If it is not in the safetensors format, or truncated.
    """
    content = Path(path).read_bytes()
    length = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + length]) if 2 <= length <= len(content) - 8 else None
    except ValueError:
        header = None
    if not isinstance(header, dict):
        raise ModelFileError(f"{path} is not a model file, or is truncated: it has no safetensors header.")
    with whole_and_known(path):
        data = memoryview(content)[8 + length :]
        metadata = header.pop("__metadata__", {})
        arrays = {}
        for name, entry in header.items():
            begin, end = map(operator.index, entry["data_offsets"])
            if end > len(data):
                raise ModelFileError(
                    f"{path} is truncated: it ends after {len(content)} bytes, before the end of {name}, at "
                    f"{8 + length + end}. Take an earlier checkpoint."
                )
            dtype = look_up("dtype", DTYPES, entry["dtype"])
            arrays[name] = np.frombuffer(data[begin:end], dtype).reshape(entry["shape"]).astype(dtype.newbyteorder("="))
    return arrays, metadata


# Architecture as JSON -------------------------------------------------------------------------------------------------


def encoded(thing: Any, where: str) -> Any:
    """Return a setting as JSON has it: an object as its class and its settings, a known function as its name."""
    if isinstance(thing, np.generic):
        thing = thing.item()
    if isinstance(thing, np.random.Generator):
        return 0  # any seed will do for a source of one's own: its state is saved too
    if thing is None or isinstance(thing, bool | int | float | str):
        return thing
    if isinstance(thing, list | tuple):
        return [encoded(part, where) for part in thing]
    if isinstance(thing, Mapping):
        return {"class": "dict", **{name: encoded(part, f"{name} of {where}") for name, part in thing.items()}}
    if made_of_fields(thing):
        names = [field.name for field in dataclasses.fields(thing) if field.init]
        settings = {name: encoded(getattr(thing, name), f"{name} of {where}") for name in names}
        return {"class": type(thing).__name__, **settings}
    for name, function in FUNCTIONS.items():
        if function is thing:
            return name
    raise TypeError(
        f"cannot save {where}: {thing!r} has no name that could be looked up when it is loaded. "
        "Give it by name, or make it a class with @dataclass and pass that to load_model(path, custom=[...])."
    )


def made_of_fields(thing: Any) -> bool:
    """Return whether an object is made from its fields alone: its class has the constructor of a dataclass."""
    maker = next(kind for kind in type(thing).__mro__ if "__init__" in vars(kind))
    return "__dataclass_params__" in vars(maker)


def decoded(data: Any, classes: Mapping[str, type]) -> Any:
    """Return what `encoded` was given."""
    if isinstance(data, list):
        return [decoded(part, classes) for part in data]
    if not isinstance(data, dict):
        return data
    settings = {name: decoded(value, classes) for name, value in data.items() if name != "class"}
    return look_up("class", classes, data["class"])(**settings)


# Models ---------------------------------------------------------------------------------------------------------------


def named(loss: Loss) -> Any:
    """Return a loss as JSON has it: its name; of a functools.partial, as with from_logits=True, its settings too."""
    if isinstance(loss, functools.partial) and not loss.args and all(type(x) in PLAIN for x in loss.keywords.values()):
        return {"of": named(loss.func), "settings": loss.keywords}
    return next((name for name, function in LOSSES.items() if function is loss), name_of(loss))


def of_name(data: Any, known: Mapping[str, Any]) -> Loss:
    """Return what `named` was given."""
    if isinstance(data, dict):
        return functools.partial(of_name(data["of"], known), **data["settings"])
    loss: Loss = known.get(data, Missing(data))
    return loss


def generators(model: Layer) -> dict[str, np.random.Generator]:
    """Return the sources of random numbers of a model, each once, by the name of the layer that has it."""
    found: dict[str, np.random.Generator] = {}
    for layer in model.all_layers():
        if layer.generator is not None and not any(layer.generator is other for other in found.values()):
            found["" if layer is model else layer.title] = layer.generator
    return found


def save_model(model: Model, path: str | os.PathLike[str]) -> None:
    """Write a model to a file; see `Model.save`."""
    model.adopt()
    arrays = model.get_weights()
    optimizer = model.optimizer
    names = {id(holder): name for name, (holder, _) in model.places().items()}
    if optimizer is not None:
        for parameter, state in zip(optimizer.parameters, optimizer.state, strict=True):
            for slot, array in zip(optimizer.slots_of(parameter), state, strict=True):
                arrays[f"optimizer/{slot}/{names[id(parameter)]}"] = np.asarray(fetched(array))
    callbacks = []
    for number, (kind, kept) in enumerate(states_of(model.callbacks)):
        plain = {name: part for name, part in kept.items() if not holds_arrays(part)}
        try:
            json.dumps(plain)
        except TypeError as error:
            raise TypeError(
                f"cannot save the state of {kind}: {error}. get_state returns, by name, what JSON holds (numbers, "
                "words, lists and dicts of them) and dicts of arrays."
            ) from None
        callbacks.append((kind, plain))
        for name, part in kept.items():
            if holds_arrays(part):
                arrays |= {f"callback/{number}/{name}/{key}": array for key, array in part.items()}
    facts: dict[str, Any] = {
        "format": FORMAT,
        "kind": type(model).__name__,
        "model": encoded(model, "the model") if made_of_fields(model) else None,
        "shapes": {
            layer.title: [list(layer.input_axes), layer.dtype.name] for layer in model.all_layers() if layer.built
        },
        "optimizer": None if optimizer is None else encoded(optimizer, "the optimizer"),
        "iterations": 0 if optimizer is None else optimizer.iterations,
        "updated": [] if optimizer is None else [names[id(parameter)] for parameter in optimizer.parameters],
        "loss": None if optimizer is None else named(model.loss),
        "metrics": [] if optimizer is None else list(model.metrics),
        "epoch": model.epoch,
        "history": model.history.history,
        "callbacks": callbacks,
        "generators": {name: generator.bit_generator.state for name, generator in generators(model).items()},
        "notes": dict(model.notes),
    }
    write_tensors(path, arrays, {"format": "np", "microgd": json.dumps(facts)})


def holds_arrays(value: Any) -> bool:
    """Return whether a part of a callback's state is arrays by name."""
    return isinstance(value, dict) and bool(value) and all(isinstance(part, np.ndarray) for part in value.values())


def read_state(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays in a model file and the state of the model, or say why it is none."""
    arrays, metadata = read_tensors(path)
    if "microgd" not in metadata:
        raise ModelFileError(
            f"{path} was not written by microgd: it has weights ({', '.join(list(arrays)[:4])}, ...), but no model."
        )
    with whole_and_known(path):
        state = json.loads(metadata["microgd"])
        newer = state["format"] > FORMAT
    if newer:
        raise ModelFileError(
            f"{path} was written by a newer microgd, in format {state['format']}; this one reads up to {FORMAT}. "
            "Upgrade: pip install --upgrade microgd."
        )
    return arrays, state


def load_model(path: str | os.PathLike[str], custom: Iterable[Any] = ()) -> Model:
    """Return the model in a file, ready to predict, or to go on training from where it was.

    Args:
        path: What `Model.save` wrote.
        custom: What of the model is your own: classes that it is made of, dataclasses; its loss and metrics.

    Returns:
        The model, compiled if it was, with its optimizer's state, its random state and the number of epochs done. To go
        on: model.fit(x, y, epochs=..., initial_epoch=model.epoch), with everything else as it was.

    Raises:
        FileNotFoundError: If the file is not there.
        ModelFileError: If it is truncated, not microgd's, of a newer version, or does not fit together.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> import microgd as mg
        >>> model = mg.Sequential([mg.Dense(1)], seed=0)
        >>> before = model.predict([[1.0, 2.0]])
        >>> with TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model.safetensors")
        ...     after = load_model(f"{folder}/model.safetensors").predict([[1.0, 2.0]])
        >>> bool(before == after)
        True

    Source: the safetensors format, https://github.com/huggingface/safetensors.
    """
    _, state = read_state(path)
    own = {name_of(part): part for part in custom}
    classes = {**CLASSES, **own}
    with whole_and_known(path):
        if state["model"] is None:
            raise ModelFileError(
                f"{path} has the weights of a {state['kind']}, a class of your own that is no dataclass: make one, "
                "give it one batch, and call model.load(path)."
            )
        model: Model = decoded(state["model"], classes)
        for layer in model.all_layers():
            if layer.title in state["shapes"]:
                shape, dtype = state["shapes"][layer.title]
                layer.make(tuple(shape), dtype)
        if state["optimizer"] is not None:
            known = {**METRICS, **own}  # METRICS holds the losses too
            metrics = [name if name in METRICS else known.get(name, Missing(name)) for name in state["metrics"]]
            model.compile(decoded(state["optimizer"], classes), of_name(state["loss"], known), metrics)
    restore(model, path)
    return model


class Missing:
    """Stands for a loss or metric of one's own that `load_model` was not given: says so when it is needed."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, y_true: Any, y_pred: Any, **settings: Any) -> Any:
        """Say what is missing."""
        raise RuntimeError(
            f"the model was compiled with {self.__name__}, a function of your own, which is not in the file; give it: "
            f"load_model(path, custom=[{self.__name__}])."
        )


def restore(model: Model, path: str | os.PathLike[str]) -> None:
    """Put what is in a file into a model that has the same weights; see `Model.load`."""
    arrays, state = read_state(path)
    with whole_and_known(path):
        restore_state(model, arrays, state)


def restore_state(model: Model, arrays: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Put weights, and the state of training, into a model."""
    beside = ("optimizer/", "callback/")
    model.set_weights({name: array for name, array in arrays.items() if not name.startswith(beside)})
    if model.optimizer is not None and state["optimizer"] is not None:
        restore_optimizer(model.optimizer, model, arrays, state)
    for layer in model.all_layers():
        known = state["generators"].get("" if layer is model else layer.title)
        if known is not None:
            layer.random().bit_generator.state = known
    model.taken_up = []
    for number, (kind, kept) in enumerate(state["callbacks"]):
        for name, array in arrays.items():
            if name.startswith(f"callback/{number}/"):
                _, _, part, key = name.split("/", 3)
                kept.setdefault(part, {})[key] = array
        model.taken_up.append((kind, kept))
    model.epoch = state["epoch"]
    model.notes = state["notes"]
    model.history = History()
    model.history.history = state["history"]
    model.history.epoch = list(range(len(next(iter(state["history"].values()), []))))


def restore_optimizer(optimizer: Optimizer, model: Model, arrays: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Put the state of an optimizer back."""
    saved = state["optimizer"]["class"]
    if saved != type(optimizer).__name__:
        raise ModelFileError(
            f"the file has the state of {saved}, but the model is compiled with {type(optimizer).__name__}: compile it "
            "with the same; or, for the weights alone, model.set_weights(mg.load_model(path).get_weights())."
        )
    holders = {name: holder for name, (holder, _) in model.places().items()}
    optimizer.iterations = state["iterations"]
    optimizer.parameters.clear()
    optimizer.state.clear()
    optimizer.place_of.clear()
    optimizer.match(model.parameters())
    for name in state["updated"]:
        place = optimizer.place(holders[name])
        found = tuple(arrays[f"optimizer/{slot}/{name}"] for slot in optimizer.slots_of(holders[name]))
        optimizer.state[place] = tuple(part if part.ndim else part.item() for part in found)
