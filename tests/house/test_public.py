"""Every public function with every argument of a wrong kind: refused by its name, with a way out."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import netdsl
from netdsl.base.errors import ArgumentError, RunError
from netdsl.text.diagnostics import NetError

TEXT = """net Wide(classes = 3) {
  input image [8, H = 31, W]
  c: conv(4, 3) -> relu
  output y: global_avgpool -> linear(classes)
}
train Wide {
  data arrays("none.npz")
  loss (y, label) -> cross_entropy
  optimizer adam(lr=0.1)
}
"""
NET = netdsl.load_text(TEXT)
FUNCTIONS = [name for name in netdsl.__all__ if inspect.isfunction(getattr(netdsl, name))]
LATER = {
    (name, argument)
    for name in ("convolutionize", "evaluate", "predict", "stream", "train")
    for argument in ("sample", "data", "weights", "sizes")
}
"""What is looked at once a run is open; the tests of runs give it wrong things."""
VALUES: tuple[Any, ...] = (
    3, -1, 1.5, True, None, "no", b"no", [1], ["a", 1], [("H", 31)], {1: 2}, {"H": True}, object(), float("nan"), len,
)  # fmt: skip
FITS: Mapping[str, Callable[[Any], bool]] = {
    "None": lambda v: v is None,
    "bool": lambda v: isinstance(v, bool),
    "int": lambda v: type(v) is int,
    "float": lambda v: isinstance(v, int | float) and v == v and not isinstance(v, bool),
    "str": lambda v: isinstance(v, str),
    "Path": lambda v: isinstance(v, Path),
    "os.PathLike[str]": lambda v: isinstance(v, Path),
    "Sequence[str]": lambda v: isinstance(v, list) and all(isinstance(word, str) for word in v),
    "Sequence[SizeRange]": lambda v: False,
    "Mapping[str, int]": lambda v: False,
    "Mapping[str, str]": lambda v: False,
    "Mapping[str, object]": lambda v: False,
    "Net": lambda v: False,
    "Collector": lambda v: False,
    "Data": lambda v: False,
    "Program": lambda v: False,
    "Views": lambda v: False,
    "Fitting": lambda v: False,
    "Saying": lambda v: False,
    "OnEpoch": callable,
    "WeightSource": lambda v: isinstance(v, str),
    "Handed": lambda v: isinstance(v, dict),
}
"""Which of the values a part of an annotation allows; none of them is a net, and no symbol is True."""


def others(name: str, folder: Path) -> dict[str, Any]:
    """The arguments that a function has to have."""
    needed = {
        "net": NET, "old": NET, "new": NET, "path": folder / "wide.net", "text": TEXT, "axes": "W=31..33",
        "convention": "thop", "file": folder / "wide.net", "output": folder / "slid.net", "spec": "digits", "data": "digits",
        "model": folder, "run": folder, "run_folder": folder / "run", "sample": 0,
    }  # fmt: skip
    signature = inspect.signature(getattr(netdsl, name)).parameters.values()
    return {
        each.name: needed[each.name]
        for each in signature
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    }


def asked(name: str, given: Mapping[str, Any]) -> None:
    found = getattr(netdsl, name)(**given)
    if name == "check":  # what is wrong is its answer
        raise NetError(found)


def said(error: NetError | RunError) -> str:
    return (
        " ".join(f"{d.message} {d.help or ''}" for d in error.diagnostics)
        if isinstance(error, NetError)
        else str(error)
    )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_argument_of_a_wrong_kind_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "wide.net").write_text(TEXT)
    tried = 0
    for each in inspect.signature(getattr(netdsl, name)).parameters.values():
        parts = str(each.annotation).split(" | ")
        for value in () if each.kind is each.VAR_KEYWORD or (name, each.name) in LATER else VALUES:
            if any(FITS[part](value) for part in parts):
                continue
            tried += 1
            with pytest.raises((NetError, RunError)) as raised:
                asked(name, {**others(name, tmp_path), each.name: value})
            assert each.name.removesuffix("s") in said(raised.value), f"{each.name} = {value!r}"
            assert re.search(r": (write|make|say|leave|did) |from 1 to|it has", said(raised.value)), said(raised.value)
    assert tried


@pytest.mark.parametrize("name", FUNCTIONS)
def test_an_argument_that_there_is_not_is_told_of_by_netdsl(name: str, tmp_path: Path) -> None:
    (tmp_path / "wide.net").write_text(TEXT)
    if any(each.kind is each.VAR_KEYWORD for each in inspect.signature(getattr(netdsl, name)).parameters.values()):
        return
    with pytest.raises(ArgumentError, match=f"`{name}` has no `widht`: "):
        getattr(netdsl, name)(**others(name, tmp_path), widht=3)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_missing_arguments_and_too_many_are_told_of_by_netdsl(name: str, tmp_path: Path) -> None:
    (tmp_path / "wide.net").write_text(TEXT)
    function, needed = getattr(netdsl, name), others(name, tmp_path)
    for missing in needed:
        with pytest.raises(ArgumentError, match=f"`{name}` needs `{missing}`: write {missing}="):
            function(**{other: value for other, value in needed.items() if other != missing})
    kinds = [each.kind for each in inspect.signature(function).parameters.values()]
    named = kinds.count(inspect.Parameter.KEYWORD_ONLY) or inspect.Parameter.VAR_KEYWORD in kinds
    if inspect.Parameter.VAR_POSITIONAL not in kinds and named:
        with pytest.raises(ArgumentError, match=f"`{name}` takes .* alone without a name, not 9 values"):
            function(*[*needed.values(), *[3] * 9][:9])


INNER = {
    "BrokenGraph", "BudgetError", "ChangeError", "Exhausted", "Failed", "FieldError", "FormError", "NoGradient", "NoNumber", "NoTotal",
    "NotComputed", "PatternError", "RuleError", "SizeTooComplex", "SweepPictureError", "TooDeep", "Unfitting",
    "Unsupported",
}  # fmt: skip
"""Errors between rooms of the package, each of which becomes one of those below before anybody else meets it."""


def test_every_error_that_is_met_outside_is_public() -> None:
    """A program that catches `NetError` and `RunError` catches all but what Python says of an attribute."""
    for path in sorted(Path(netdsl.__file__).parent.rglob("*.py")):
        for name in re.findall(
            r"^class (\w+)\((?!Attribute)\w*(?:Error|Exception)\b.*\):", path.read_text(encoding="utf-8"), re.M
        ):
            module = ".".join(path.relative_to(Path(netdsl.__file__).parents[1]).with_suffix("").parts)
            found = getattr(import_module(module), name)
            inner = any(each.__name__ in INNER for each in found.__mro__)
            assert issubclass(found, NetError | RunError) != inner, f"{module}.{name}"
    assert {"NetError", "RunError", "ArgumentError"} <= set(netdsl.__all__)


def test_a_strict_check_is_that_of_the_command(tmp_path: Path) -> None:
    (tmp_path / "wide.net").write_text(TEXT.replace("conv(4, 3)", "conv(4, 3, stride=2)").replace("= 31", "= 32"))
    found = netdsl.check(tmp_path / "wide.net")
    assert [d.severity.value for d in found] == ["warning"]
    assert [d.severity.value for d in netdsl.check(tmp_path / "wide.net", strict=True)] == ["error"]
    with pytest.raises(NetError) as raised:
        netdsl.check(tmp_path)
    assert raised.value.diagnostics[0].help == f"name the text itself, such as {tmp_path / 'wide.net'}"


def test_methods_of_what_is_given_back_are_held_to_their_signatures() -> None:
    """Those that whoever calls a public function goes on with."""
    net = netdsl.load(Path(netdsl.__file__).parents[1] / "specs/unet.net")
    made = (netdsl.analyze, netdsl.draw, netdsl.formulas, netdsl.fit)
    given = (net, netdsl.sweep(net, "batch=1..2"), *(make(net) for make in made))
    methods = [
        getattr(type(each), name)
        for each in given
        for name, method in inspect.getmembers(type(each), inspect.isfunction)
        if not name.startswith("_") and len(inspect.signature(method).parameters) > 1
    ]
    open_ = {m.__qualname__ for m in methods if not hasattr(m, "__wrapped__")}
    assert open_ == {"Graph.walk"}  # a word of passes and targets
    with pytest.raises(netdsl.ArgumentError, match="`name` takes a text, not 3"):
        net.by(3)  # type: ignore[arg-type]
    with pytest.raises(netdsl.ArgumentError, match="`styled` takes True or False, not 3"):
        netdsl.draw(net).svg(styled=3)  # type: ignore[arg-type]
