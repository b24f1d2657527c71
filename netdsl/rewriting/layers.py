"""What is written in the place of a layer that becomes another one."""

from __future__ import annotations

from netdsl.ops.linear import Linear
from netdsl.rewriting.edits import all_of
from netdsl.rewriting.sliding import Replacement, WindowSize, refusal
from netdsl.text import syntax
from netdsl.text.diagnostics import Collector
from netdsl.text.parser import parse_value

NEUTRAL = {"stride": "1", "pad": "0", "dilation": "1", "groups": "1"}
"""Settings of a `conv` that sees what a `linear` saw, which a `set` row may give other defaults."""
POOLS = {"global_avgpool": "avgpool", "global_maxpool": "maxpool"}


def rewritten(change: Replacement, window: WindowSize, file: syntax.File) -> str:
    """The layer that sees a window, in the words of the one that saw the whole of it. `NetError` where it is not
    written out at its place."""
    written = change.node.span.text
    whole = parse_value(written, Collector(), "layer")
    call = whole.left if isinstance(whole, syntax.Binary) and whole.operator == "*" else whole
    name = call.function if isinstance(call, syntax.Call) else call
    if not isinstance(name, syntax.Name) or name.id != change.node.op.name:
        message = f"a `{change.node.op.name}` has to become another layer, but `{written}` stands for it here"
        raise refusal(message, change.node.span, f"write `{change.node.op.name}` itself into the row")
    arguments = call.arguments if isinstance(call, syntax.Call) else ()
    if not isinstance(change.node.op, Linear):
        return _called(
            POOLS[name.id], [side(window), "stride=1"], _defaults(file, POOLS[name.id]), ("kernel", "stride")
        )
    assert isinstance(call, syntax.Call)
    return _conv(change.node.op, arguments, window, file) + written[call.span.end :]


def _conv(op: Linear, arguments: tuple[syntax.Argument, ...], window: WindowSize, file: syntax.File) -> str:
    """`conv(120, 5)` for `linear(120)`; what `set` rows give a `conv` or gave the `linear` is said where it differs."""
    given = [
        a.span.text.replace("features", "channels", 1) if _named(a) == "features" else a.span.text for a in arguments
    ]
    given = [text for text, a in zip(given, arguments, strict=True) if _named(a) != "axis"]
    first = arguments[0].name is None
    found = [given[0], side(window) if first else f"kernel={side(window)}", *given[1:]]
    names = {_named(a) for a in arguments}
    usual = _defaults(file, "conv")
    if "bias" not in names and ("bias" in usual or not op.bias):
        found.append(f"bias={str(bool(op.bias)).lower()}")
    if "init" not in names and "init" in (*usual, *_defaults(file, "linear")):
        numbers = f"({', '.join(map(str, op.init.values))})" if op.init.values else ""
        found.append(f"init={op.init.kind}{numbers}")
    return _called("conv", found, usual, names)


def _called(name: str, found: list[str], usual: set[str], names: object) -> str:
    said = [text.partition("=")[0].strip() for text in found]
    found += [f"{key}={value}" for key, value in NEUTRAL.items() if key in usual and key not in said]
    return f"{name}({', '.join(found)})"


def _named(argument: syntax.Argument) -> str:
    return argument.name.id if argument.name is not None else ""


def _defaults(file: syntax.File, layer: str) -> set[str]:
    """The settings of a layer that a `set` row of the file gives new defaults."""
    rows = [row for row in all_of(file.items, syntax.SetRow) if row.name.id == layer]
    return {_named(a) for row in rows for a in row.arguments}


def side(window: WindowSize) -> str:
    """A window as a setting."""
    return str(window[0]) if window[0] == window[1] else f"({window[0]}, {window[1]})"
