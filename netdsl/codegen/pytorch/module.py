"""The live module: the emitted source, executed."""

from __future__ import annotations

import hashlib
import linecache
from typing import Any, cast

import torch

from netdsl.codegen.pytorch.source import net_class_name, torch_source
from netdsl.ir import Net


def torch_module(net: Net, seed: int | None = None) -> torch.nn.Module:
    """The net as a module with its own settings; `seed` fixes how weights start and leaves torch's state alone.

    Its state-dict keys are those of `net.weights()`. Raises `NetError` where `torch_source` does.
    """
    made = _namespace(torch_source(net), net.name)[net_class_name(net)]
    if seed is None:
        return cast(torch.nn.Module, made())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return cast(torch.nn.Module, made())


def _namespace(source: str, name: str) -> dict[str, Any]:
    """The source executed as a module of its own; tracebacks and compilers find its lines."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    filename = f"<{name} {digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": f"netdsl_{digest}", "__file__": filename}
    exec(compile(source, filename, "exec"), namespace)
    return namespace
