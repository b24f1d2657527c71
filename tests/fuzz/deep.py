"""What must hold of a right text when its nets are run: both engines take it, and compute the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from fuzz.oracle import TEXT, Breach
from netdsl.analyzer import analyze
from netdsl.graph import Net
from netdsl.program import Program, check_program, load_file
from netdsl.text.diagnostics import NetError

MOST = 3_000_000
"""Weights, bytes of activations and multiply-accumulates (in tens) beyond which a net is not run."""
APART = 2e-3
"""How far outputs may be apart, both absolutely and by the largest of them."""


def judge(data: bytes) -> Breach | None:
    """The first net of a text that does not run, or runs differently on the two engines."""
    Path(TEXT).write_bytes(data)
    try:
        program = load_file(TEXT)
        if any(d.severity == "error" for d in check_program(program)):
            return None
    except NetError:
        return None
    return next(breaches(program), None)


def breaches(program: Program) -> Iterator[Breach]:
    for name in program.names:
        net = program.net(name, trained=False)
        sizes = {**net.domain.smallest(), **net.defaults}
        if is_small(net, sizes):
            yield from of_net(net, sizes)


def is_small(net: Net, sizes: Mapping[str, int]) -> bool:
    totals = analyze(net, sizes=sizes).totals
    params = totals.params + totals.aux_params + totals.unused_params
    return max(params, totals.activation_bytes, totals.macs // 10) < MOST


def of_net(net: Net, sizes: Mapping[str, int]) -> Iterator[Breach]:
    from netdsl.runtime.parity import parity

    try:
        found = parity(net, sizes=sizes)
    except NetError:
        return  # declined, at a place
    except Exception as error:
        if not type(error).__module__.startswith("netdsl."):
            yield Breach("does not run", f"{net.name} at {dict(sizes)}: {type(error).__name__}: {error}")
        return
    for output in found.outputs:
        if output.absolute > APART and output.relative > APART:
            yield Breach("engines differ", f"{net.name} at {dict(sizes)}: {output}")
