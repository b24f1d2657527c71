"""What is said where a net has no recipe of the name that was asked for."""

from __future__ import annotations

from collections.abc import Collection

from netdsl.text.diagnostics import Diagnostic, Label, did_you_mean
from netdsl.text.source import Source, Span


def no_recipe(net: str, span: Span | None, there: Collection[str], name: str) -> Diagnostic:
    """A net called so has recipes with the names that are `there`, of which one may be empty, but none of this name."""
    named = [n for n in there if n]
    known = ", ".join(f"`{n}`" for n in named)
    place = Label(span or Span(Source(net, ""), 0, 0))
    if not name:
        help = f"say which, as in `--recipe {next(iter(named), '')}`"
        return Diagnostic("unknown-recipe", f"each recipe of `{net}` has a name: {known}", (place,), help=help)
    way = f"there is {known}" if known else f"write `train {name} of {net} {{ … }}`"
    if known and "" in there:
        way += ", and the one without a name, which is taken without --recipe"
    help = did_you_mean(name, named) or way
    return Diagnostic("unknown-recipe", f"`{net}` has no recipe called `{name}`", (place,), help=help)
