"""Other counters of costs, each run on a module: what the conventions are held to.

Run with PyTorch in evaluation and without gradients. ptflops and flops-profiler replace functions of PyTorch and do not
put all of them back, so that each of their runs has a process of its own (`apart`).
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import inspect
import io
import os
import pickle
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from netdsl.analyzer import analyze
from netdsl.graph import Net


def by_torch(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    far = copy.deepcopy(module).to("meta")
    with counter:
        far(*(x.to("meta") for x in inputs))
    return int(counter.get_total_flops())


def by_fvcore(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    from fvcore.nn import FlopCountAnalysis

    found = FlopCountAnalysis(module, tuple(inputs))
    found.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    return int(found.total())


def by_thop(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    import thop

    return int(thop.profile(copy.deepcopy(module), inputs=tuple(inputs), verbose=False)[0])


def by_torchinfo(module: nn.Module, inputs: Sequence[Tensor]) -> int:
    from torchinfo import summary

    return int(summary(module, input_data=list(inputs), verbose=0, depth=50).total_mult_adds)


def by_ptflops(module: nn.Module, inputs: Sequence[Tensor], backend: str) -> int:
    from ptflops import get_model_complexity_info

    names = list(inspect.signature(module.forward).parameters)
    given = inputs[0] if len(inputs) == 1 else dict(zip(names, inputs, strict=True))
    found, _ = get_model_complexity_info(
        module, (1,), input_constructor=lambda _: given, as_strings=False, print_per_layer_stat=False, backend=backend
    )
    if found is None:
        raise RuntimeError("ptflops did not finish")
    return int(found)


def by_flops_profiler(module: nn.Module, inputs: Sequence[Tensor], which: int) -> int:
    """Its flops (0) or MACs (1)."""
    from flops_profiler.profiler import get_model_profile

    found = get_model_profile(module, args=list(inputs), print_profile=False, warm_up=0, as_string=False)
    return int(found[which])


Counter = Callable[[nn.Module, Sequence[Tensor]], int]
COUNTERS: dict[str, tuple[str, Counter]] = {
    "torch": ("torch", by_torch),
    "fvcore": ("fvcore", by_fvcore),
    "thop": ("thop", by_thop),
    "torchinfo": ("torchinfo", by_torchinfo),
    "ptflops-aten": ("ptflops", lambda m, x: by_ptflops(m, x, "aten")),
    "ptflops-pytorch": ("ptflops", lambda m, x: by_ptflops(m, x, "pytorch")),
    "deepspeed": ("flops_profiler", lambda m, x: by_flops_profiler(m, x, 0)),
    "deepspeed-macs": ("flops_profiler", lambda m, x: by_flops_profiler(m, x, 1)),
}
"""Each convention with the package that counts so."""
LIGHT = ("torch", "fvcore", "thop", "torchinfo")
"""Those that leave PyTorch as it was, and are installed with what the tests need."""


def installed(convention: str) -> bool:
    return importlib.util.find_spec(COUNTERS[convention][0]) is not None


def count(convention: str, module: nn.Module, inputs: Sequence[Tensor]) -> int | str:
    """What the tool says of a module, or the name of the error with which it ends."""
    return _counted(convention, module, inputs) if convention in LIGHT else apart(convention, module, inputs)


def _counted(convention: str, module: nn.Module, inputs: Sequence[Tensor]) -> int | str:
    try:
        with torch.no_grad(), contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            return COUNTERS[convention][1](module.eval(), inputs)
    except Exception as error:
        return type(error).__name__


def apart(convention: str, module: nn.Module, inputs: Sequence[Tensor]) -> int | str:
    """As `count`, in a process that ends with it; torch must have one thread, as a copy of it has no others."""
    torch.set_num_threads(1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.write(writing, pickle.dumps(_counted(convention, module, inputs)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as stream:
        said = stream.read()
    os.waitpid(child, 0)
    found: int | str = pickle.loads(said)
    return found


def samples(net: Net, sizes: dict[str, int] | None = None, batch: int = 1) -> list[Tensor]:
    """Numbers for the inputs of a net."""
    made = []
    for port in analyze(net, sizes=sizes, listed=False).inputs:
        shape = (batch, *port.shape)
        made.append(torch.zeros(shape, dtype=torch.int64) if port.numbers == "int" else torch.rand(shape))
    return made
