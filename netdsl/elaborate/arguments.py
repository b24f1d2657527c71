"""Arguments of a call: each matched with the setting that it is for, and read as that setting's kind."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NoReturn

import netdsl.elaborate.core as core
import netdsl.elaborate.functions as functions
from netdsl.dims import Dim
from netdsl.dims.tensors import Value
from netdsl.elaborate.context import Site
from netdsl.elaborate.lookup import find_layer, unknown_name
from netdsl.elaborate.reporting import EachTold
from netdsl.elaborate.scope import Setting
from netdsl.elaborate.values import (
    Bundle,
    counted,
    holds,
)
from netdsl.ops.base import Op, RuleError, read_setting
from netdsl.ops.declared import Declared, Field
from netdsl.ops.fields import BoolKind, FloatKind, InitKind, TextKind, Word
from netdsl.text import syntax
from netdsl.text.diagnostics import Label, did_you_mean
from netdsl.text.source import Span


def match_arguments(
    site: Site, title: str, names: Sequence[str], arguments: Sequence[syntax.Argument],
    most: int, told: EachTold, declared: type[Declared] | None = None,
) -> dict[str, syntax.Argument]:  # fmt: skip
    """Arguments by the name of the setting they are for; every way to get that wrong is reported.

    `most` settings may be given by their place. What is `told` of one argument leaves the others to be read.
    """
    placed = [a for a in arguments if a.name is None]
    if len(placed) > most:
        _too_many(site, title, names, arguments, most, declared)
    for first, second in pairwise(arguments):
        if first.name is not None and first.name.id in names and second.name is None:
            _placed_after(site, names, first.name.id, second, arguments, most, declared)
    matched = dict(zip(names, placed, strict=False))
    for argument in arguments:
        if argument.name is None:
            continue
        if argument.name.id in matched:
            _given_twice(site, title, names, argument, matched[argument.name.id])
        with told.tried():
            matched[_argument_name(site, title, names, argument, arguments, declared)] = argument
    return matched


def _given_twice(
    site: Site, title: str, names: Sequence[str], argument: syntax.Argument, first: syntax.Argument
) -> NoReturn:
    import netdsl.elaborate.places as places  # late: right texts need none

    assert argument.name is not None
    message = f"`{argument.name.id}` of `{title}` is given twice"
    help = places.given(site, first) or f"`{title}` takes {', '.join(names)}"
    site.error("repeated-setting", message, argument.span, Label(first.span, "first here"), help=help)


def _too_many(
    site: Site, title: str, names: Sequence[str], arguments: Sequence[syntax.Argument],
    most: int, declared: type[Declared] | None,
) -> NoReturn:  # fmt: skip
    import netdsl.elaborate.crowded as crowded  # late: right texts need none
    import netdsl.elaborate.decimals as decimals

    placed = [a for a in arguments if a.name is None]
    takes = "no settings" if not names else "no setting by its place" if not most else (
        f"{counted(most, 'setting')} by {'its' if most == 1 else 'their'} place")  # fmt: skip
    message = f"`{title}` takes {takes}, but {len(placed)} {'is' if len(placed) == 1 else 'are'} given"
    if (decimal := decimals.with_comma(names, arguments, most, declared)) is not None:
        site.error("too-many-settings", message, decimal[0], help=decimal[1])
    help = crowded.too_many(site, title, declared, names, arguments, most)
    site.error("too-many-settings", message, placed[most].span, help=help)


def _placed_after(
    site: Site, names: Sequence[str], named: str, argument: syntax.Argument,
    arguments: Sequence[syntax.Argument], most: int, declared: type[Declared] | None,
) -> NoReturn:  # fmt: skip
    import netdsl.elaborate.decimals as decimals  # late: right texts need none

    decimal = decimals.with_comma(names, arguments, most, declared)
    span, help = decimal or (argument.span, "name it, or write it before those with a name")
    site.error("placed-after-named", f"`{argument.span.text}` is given by its place behind `{named}=`", span, help=help)


def _argument_name(
    site: Site, title: str, names: Sequence[str], argument: syntax.Argument,
    arguments: Sequence[syntax.Argument], declared: type[Declared] | None,
) -> str:  # fmt: skip
    assert argument.name is not None
    if argument.name.id not in names:
        _unknown_setting(site, title, names, argument, arguments, declared)
    return argument.name.id


def _unknown_setting(
    site: Site, title: str, names: Sequence[str], argument: syntax.Argument,
    arguments: Sequence[syntax.Argument], declared: type[Declared] | None,
) -> NoReturn:  # fmt: skip
    import netdsl.elaborate.advice as advice  # late: right texts need none
    import netdsl.elaborate.parts as parts

    assert argument.name is not None
    call = f"{title}({', '.join(a.span.text for a in arguments)})"
    if declared is not None and not issubclass(declared, Op):
        help: str | None = parts.unknown_setting(declared, argument, arguments)
    else:
        help = advice.unknown_setting(site, title, names, argument, call) or advice.takes(title, names)
    site.error("unknown-setting", f"`{title}` takes no `{argument.name.id}`", argument.name.span, help=help)


NOTHING = frozenset(("None", "none", "null", "nil", "NULL", "nullptr", "undefined"))
"""Words of other languages for no value."""


def _setting_help(
    site: Site, declared: Field, value: Any, argument: syntax.Argument, title: str
) -> str | None:  # fmt: skip
    """The way out for a value that a setting does not take."""
    if isinstance(value, Word) and value.name in NOTHING:
        without = isinstance(declared.kind, BoolKind) and declared.default is True
        return f"write `{declared.name}=false`" if without else f"leave `{declared.name}` out"
    if isinstance(declared.kind, InitKind):
        from netdsl.elaborate.starts import told  # late: right texts need none

        start = told(argument.value.span.text)
        if start is not None:
            return start
    if isinstance(value, str | Word):
        from netdsl.text.foreign.values import known_value  # late: right texts need none

        same = known_value(str(value), list(declared.kind.words()) if declared.kind else [])
        if same is not None:
            return f"write `{same}`" if same else f"leave `{declared.name}` out"
    if isinstance(value, Word):
        words = list(declared.kind.words()) if declared.kind else []
        if declared.name == "groups" and value.name in ("depthwise", "dw", "channels", "in_channels", "all"):
            coming = site.build.coming.type.shape[:1] if isinstance(site.build.coming, Value) else ()
            alone = "each channel is a group of its own"
            return (
                f"{alone}: write `{coming[0]}`" if coming and isinstance(coming[0], int) else f"{alone}: say how many"
            )
        return did_you_mean(value.name, words) or (f"there are {', '.join(words)}" if len(words) > 4 else None)
    if holds(value, (Value, Bundle)):
        import netdsl.elaborate.places as places  # late: right texts need none

        known = "settings are numbers known now, such as `x.channels`; arrows lead into a layer by `->`"
        return places.given(site, argument) or known
    if isinstance(value, Dim) and declared.name == "kernel" and title in ("maxpool", "avgpool"):
        return "over all of an axis, whatever its size, goes `reduce_max(axis=0)`, or `mean(axis=0)`"
    if isinstance(value, Dim) and declared.name == "count":
        table = (
            f"`param rows [1024, 64] = normal(0.02)`, of which `rows -> slice(0, start=0, end={value})` takes the first"
        )
        return f"a table has a fixed number of rows: as in {table}"
    if isinstance(value, Dim):
        return f"`{value}` depends on the size of the input, which is known only when the network runs"
    if isinstance(declared.kind, FloatKind) and declared.kind.maximum == 1 and type(value) is int and 1 < value <= 100:
        return f"a share of 1 is meant: {value} % is `{value / 100:g}`"
    if isinstance(value, float) and isinstance(argument.value, syntax.Binary) and argument.value.operator == "/":
        return "`//` divides and rounds down"
    return None


def bind_op(site: Site, op: type[Op], arguments: Sequence[syntax.Argument], span: Span) -> dict[str, Setting]:
    """The settings of a call of an operation, each read by its kind."""
    fields = {f.name: f for f in op.settings()}
    told, bound = EachTold(site.errors), dict[str, Setting]()
    matched = match_arguments(site, op.name, list(fields), arguments, op.positional, told, op)
    for name, argument in matched.items():
        with told.tried(argument.name is not None):
            bound[name] = Setting(_read(site, op, matched, fields[name]), argument.span, argument.value)
    told.done()
    return bound


def _read(site: Site, op: type[Op], matched: Mapping[str, syntax.Argument], declared: Field) -> Any:
    """The value of one argument, of those that are given together."""
    argument = matched[declared.name]
    _refuse_unquoted(site, declared, argument.value)
    _refuse_misnamed(site, declared, argument.value)
    value = core.evaluate_setting(site, argument.value)
    try:
        return read_setting(declared, value)
    except RuleError as error:
        help = error.help or _kind(declared, value) or _misfit(site, op, matched, declared.name)
        if help is None:
            _refuse_unknown(site, declared, argument.value)
        help = help or _setting_help(site, declared, value, argument, op.name)
        site.error(error.code, f"{error} (in `{op.name}`)", argument.value.span, help=help)


def _refuse_unquoted(site: Site, declared: Field, written: syntax.Expr) -> None:
    """`imagefolder(photos)`, `mnist(data/mnist)`: a folder that is no text."""
    text = written.span.text
    if not isinstance(declared.kind, TextKind) or re.fullmatch(r"[\w./-]*[A-Za-z][\w./-]*", text) is None:
        return
    if any(site.scope.find(word) for word in re.findall(r"[A-Za-z_]\w*", text)[:1]):
        return
    from netdsl.text.mistakes.mistake import quoting  # late: right texts need none

    help = quoting(written.span.source, written.span.start, written.span.end)
    site.error("wrong-kind", f"`{declared.name}` takes a text, which stands in quotes", written.span, help=help)


def _refuse_misnamed(site: Site, declared: Field, written: syntax.Expr) -> None:
    """`init=normal(mean=0.5)`: the number that an initial value takes is no mean; dotted names are those of others."""
    if not isinstance(declared.kind, InitKind) or not isinstance(written, syntax.Call):
        return
    dotted = isinstance(written.function, syntax.Attribute)
    if dotted or any(a.name for a in written.arguments):
        import netdsl.elaborate.starts as starts  # late: right texts need none

        text = written.span.text
        help = starts.told(text) if dotted or starts.misnamed(text) else None
        if help is not None:
            message = f"`{declared.name}` takes {declared.kind.says}, not `{text}`"
            site.error("wrong-kind", message, written.span, help=help)


def _kind(declared: Field, value: Any) -> str | None:
    """`to(long)`: a kind of number in the words of others."""
    words = list(declared.kind.words()) if declared.kind else []
    if "float" not in words or not isinstance(value, Word | str):
        return None
    from netdsl.text import foreign  # late: right texts need none

    same = foreign.kind(str(value), words)
    return f"write `{same}`" if same else None


def _misfit(site: Site, op: type[Op], matched: Mapping[str, syntax.Argument], name: str) -> str | None:
    import netdsl.elaborate.misfits as misfits  # late: right texts need none

    return misfits.misfit(site, op, matched, name)


def _refuse_unknown(site: Site, declared: Field, written: syntax.Expr) -> None:
    """A word where words mean nothing is a misspelt name."""
    words = declared.kind.words() if declared.kind else ()
    if isinstance(written, syntax.Name) and written.id in NOTHING and not site.scope.find(written.id):
        return
    if isinstance(written, syntax.Name) and not words and not site.scope.find(written.id):
        if find_layer(site, written) is None and written.id not in functions.FUNCTIONS:
            unknown_name(site, written)
