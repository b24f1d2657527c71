"""The live module: the emitted source, executed.

Classes are kept as long as something uses them. Such a module can be copied and pickled: a pickle holds the source
beside the state, so that a process that has not seen the net makes the same classes again.
"""

from __future__ import annotations

import hashlib
import linecache
import weakref
from types import ModuleType
from typing import Any, cast

import torch

from netdsl.base.asking import public
from netdsl.codegen.pytorch.source import net_class_name, torch_source
from netdsl.graph import Net
from netdsl.weights.given import WeightSource, weights_of

EXECUTED: weakref.WeakValueDictionary[str, ModuleType] = weakref.WeakValueDictionary()
"""Sources that live modules come from, executed, by their digest."""


@public()
def torch_module(net: Net, seed: int | None = None, *, weights: WeightSource | None = None) -> torch.nn.Module:
    """The net as a module with its own settings; `seed` fixes how weights start and leaves torch's state alone.

    `weights` are those of a file, or arrays by key; `WeightsError` says what of them does not fit.

    Its state-dict keys are those of `net.weights()`. It can be pickled (`torch.save(module)`, spawned workers); to read
    that back takes this package, which the source in a file does not. Raises `NetError` where `torch_source` does.
    """
    made = _drawn(_class(torch_source(net), net_class_name(net)), seed)
    if weights is not None:
        own = made.state_dict()
        for key, value in weights_of(net, weights).items():
            own[key].copy_(torch.tensor(value))
    return made


def _drawn(made: type[torch.nn.Module], seed: int | None) -> torch.nn.Module:
    if seed is None:
        return made()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return made()


def _class(source: str, name: str) -> type[torch.nn.Module]:
    return cast(type[torch.nn.Module], getattr(_executed(source), name))


def _executed(source: str) -> ModuleType:
    """The source as a module of its own, once; tracebacks and compilers find its lines."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:32]
    found = EXECUTED.get(digest)
    if found is not None:
        return found
    made, filename = ModuleType(f"netdsl_{digest[:12]}"), f"<{digest[:12]}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    weakref.finalize(made, linecache.cache.pop, filename, None)
    made.__file__ = filename
    exec(compile(source, filename, "exec"), made.__dict__)
    for part in list(vars(made).values()):
        if isinstance(part, type) and part.__module__ == made.__name__:
            part.__reduce_ex__ = _reducer(source)  # type: ignore[method-assign]
    made.__dict__["__executed__"] = made  # its functions hold this table, and so it
    EXECUTED[digest] = made
    return made


def _reducer(source: str) -> Any:
    """What a pickle keeps of a module: the source of its class, the class in it, the state."""

    def reduced(module: Any, _: Any) -> tuple[Any, ...]:
        return _blank, (source, type(module).__qualname__), module.__getstate__()

    return reduced


def _blank(source: str, name: str) -> torch.nn.Module:
    """A module of a class of the source, before its state."""
    made = _class(source, name)
    return made.__new__(made)
