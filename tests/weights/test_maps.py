"""The language of maps: what rules say, and what is said of those that are wrong, with their line."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from netdsl.weights.files import WeightFile, WeightsError
from netdsl.weights.mapped import mapped
from netdsl.weights.maps import read_map
from netdsl.weights.patterns import PatternError, read_pattern, read_template


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def array(*shape: int, start: int = 0) -> Any:
    return np.arange(start, start + int(np.prod(shape)), dtype=np.float32).reshape(shape)


def carried(rows: str, given: dict[str, Any], needed: dict[str, tuple[int, ...]], partial: bool = False) -> Any:
    Path("x.map").write_text(rows)
    save_file({key: np.ascontiguousarray(value) for key, value in given.items()}, "x.safetensors")
    return mapped(WeightFile("x.safetensors"), read_map(Path("x.map"), "N"), needed, partial)


def test_numbers_and_words_are_captured() -> None:
    pattern = read_pattern("layer{i}.{j=1..}.{part=bn|conv}{k}.{p*}")
    assert pattern.match("layer2.10.conv3.weight") == {"i": "2", "j": "10", "part": "conv", "k": "3", "p": "weight"}
    assert pattern.match("layer2.0.conv3.weight") is None  # out of the range
    assert pattern.match("layer2.1.norm3.weight") is None  # another word
    assert pattern.match("layer2.1.conv3.more.weight") is None  # a piece has no dot
    assert pattern.match("layer02.1.conv3.weight") is None  # no number starts with 0
    made = read_template("stage{i}.basic{j+1}.{part}{k-1}.{p}", pattern.captures)
    assert made.fill({"i": "2", "j": "9", "part": "conv", "k": "3", "p": "bias"}) == "stage2.basic10.conv2.bias"
    assert read_pattern("{rest**}.weight").match("a.b.c.weight") == {"rest": "a.b.c"}


def test_rules_rename_turn_join_and_cut() -> None:
    given = {
        "h.0.w": array(2, 3), "h.0.q": array(2, 3), "h.0.k": array(1, 3, start=50), "qkv": array(6, 2),
        "token": array(1, 1, 4), "shift": array(2), "logs": array(2, 3), "both": array(2, 4, 3),
        "table": array(3, 3), "head": array(3, 3), "mask": array(1),
    }  # fmt: skip
    rows = """
# a comment
h.{i}.w -> transpose -> layer{i+1}.w
(h.{i}.q, h.{i}.k) -> concat -> layer{i+1}.in   # behind a row too
qkv -> split(3) -> (q, k, v)
token -> reshape -> token
shift -> add(-0.5) -> shift
logs -> add_logs(-1) -> logs
both -> split(2) -> split(2, axis=1) -> reshape -> (a, b, c, d)
table -> table
drop head as table
drop mask
maybe nothing.{i} -> nowhere{i}
"""
    needed = {
        "layer1.w": (3, 2), "layer1.in": (3, 3), "q": (2, 2), "k": (2, 2), "v": (2, 2), "token": (1, 4), "shift": (2,),
        "logs": (2, 3), **dict.fromkeys("abcd", (2, 3)), "table": (3, 3),
    }  # fmt: skip
    found, left, doubts = carried(rows, given, needed)
    assert (left, doubts) == ([], [])
    assert {key: found.shape(key) for key in found} == needed
    assert {key: found[key].shape for key in found} == needed
    wanted = {
        "layer1.w": given["h.0.w"].T, "layer1.in": np.concatenate([given["h.0.q"], given["h.0.k"]]),
        "k": given["qkv"][2:4], "token": given["token"][0], "shift": given["shift"] - 0.5,
        "logs": given["logs"] - np.log([1, 2, 3]).astype(np.float32), "b": given["both"][0, 2:], "c": given["both"][1, :2],
    }  # fmt: skip
    for key, value in wanted.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-6)


def test_a_prefix_may_stand_in_front_of_all_or_some() -> None:
    found, _, _ = carried(
        "prefix module.\nprefix model.\na -> a\nb -> b\n",
        {"module.model.a": array(1), "b": array(2)},
        {"a": (1,), "b": (2,)},
    )
    assert sorted(found) == ["a", "b"]
    with pytest.raises(WeightsError, match=r"`a` and `module\.a` are both `a` without what stands in front"):
        carried("prefix module.\na -> a\n", {"module.a": array(1), "a": array(1)}, {"a": (1,)})


def test_rows_behind_net_are_of_these_nets() -> None:
    rows = "net M\na -> m\nnet N, O\na -> n\n"
    found, _, _ = carried(rows, {"a": array(1)}, {"n": (1,)})
    assert list(found) == ["n"]
    Path("x.map").write_text(rows)
    with pytest.raises(WeightsError, match=r"x\.map has rules for M, N, O, but none for P: .*`net M, P`"):
        read_map(Path("x.map"), "P")


@pytest.mark.parametrize(
    ("rows", "offered"),
    [
        ("conv1.{p*} -> c.{p}\nfc.weight -> f.weight\n", True),  # a head of 4 for one of 3
        ("conv1.{p*} -> c.{p}\ndrop fc.weight\n", True),  # nothing becomes the head
        ("conv1.{p*} -> c.{p}\n", False),  # one side has a name, and so has the other
        ("conv1.bias -> c.bias\nconv1.weight -> transpose -> c.weight\nfc.weight -> f.weight\n", False),
    ],
)
def test_another_head_may_be_left_out(rows: str, offered: bool) -> None:
    with pytest.raises(WeightsError) as told:
        carried(rows, GIVEN, {**NEEDED, "f.weight": (3, 2)})
    assert ("`--partial` (`partial=true` in a recipe)" in str(told.value)) == offered


GIVEN = {"conv1.weight": array(2, 3), "conv1.bias": array(2), "fc.weight": array(4, 2)}
NEEDED: dict[str, tuple[int, ...]] = {"c.weight": (2, 3), "c.bias": (2,), "f.weight": (4, 2)}
SOUND = "conv1.{p*} -> c.{p}\nfc.weight -> f.weight\n"
WRONG = {
    "matches nothing": (f"{SOUND}conv2.weight -> c.weight", "line 3: nothing is called `conv2.weight`"),
    "misspelt": ("conv1.{p*} -> c.{p}\nfcc.weight -> f.weight", "line 2: nothing is called `fcc.weight`: did you mean `fc.weight`?"),
    "taken twice": (f"{SOUND}conv{{i}}.bias -> c.bias", "line 3: `conv1.bias` is taken by line 1 already"),
    "made twice": ("conv1.{p*} -> c.{p}\nfc.weight -> c.weight", "line 2: `fc.weight` becomes `c.weight`, which `conv1.weight` of line 1 is already"),
    "unknown": ("conv1.{p*} -> c.{p}\nfc.weight -> f.wieght", "line 2: `fc.weight` becomes `f.wieght`, which the net has not: did you mean `f.weight`?"),
    "shapes": ("conv1.bias -> c.bias\nconv1.weight -> f.weight\nfc.weight -> c.weight", "line 2: `conv1.weight` is [2, 3], but `f.weight` is [4, 2]"),
    "shapes behind a change": ("conv1.{p*} -> c.{p}\nfc.weight -> transpose -> f.weight", "line 2: `fc.weight` is [4, 2], which becomes [2, 4], but `f.weight` is [4, 2]"),
    "no such split": ("conv1.{p*} -> c.{p}\nfc.weight -> split(3) -> (f.weight, x, y)", "line 2: `fc.weight` becomes `x`, which the net has not"),
    "no even split": ("conv1.{p*} -> c.{p}\nfc.weight -> split(3) -> f.weight", "line 2: `fc.weight` [4, 2]: `split(3)` cannot cut [4, 2] along axis 0"),
    "pieces": ("conv1.{p*} -> c.{p}\nfc.weight -> split(2) -> f.weight", "line 2: 2 tensors come out, and 1 are named"),
    "reshape": ("conv1.{p*} -> c.{p}\nfc.weight -> reshape(3, -1) -> f.weight", "`reshape(3, -1)` makes no [3, -1] of [4, 2], which has 8 numbers"),
    "not with it": ("conv1.{p*} -> c.{p}\n(fc.weight, fc.bias) -> concat -> f.weight", "line 2: with `fc.weight` goes `fc.bias`, which is not there"),
    "left there": ("conv1.{p*} -> c.{p}\nmaybe x -> f.weight", "x.map does not say it all: nothing becomes `f.weight`; no rule takes `fc.weight` (`drop fc.weight` leaves it out)"),
    "no copy": ("conv1.{p*} -> c.{p}\ndrop fc.weight as conv1.weight", "line 2: `fc.weight` is no copy of `conv1.weight`, and the net has no place for it"),
    "no arrow": ("conv1.weight c.weight", "line 1: a row is `theirs -> ours`, `drop theirs`, `prefix module.` or `net Name`"),
    "no change": ("conv1.weight -> rotate -> c.weight", "line 1: `rotate` is no change of a tensor: there are transpose, reshape, concat, split"),
    "change of words": ("conv1.weight -> split(many) -> c.weight", "line 1: `split(many)` takes whole numbers and `axis=1`"),
    "no capture": ("conv{i}.weight -> c{j}.weight", "line 1: `c{j}.weight` names a capture `j` that the left side has not: it has `i`"),
    "a sum of words": ("conv1.{p*} -> c.{p+1}", "line 1: `p` is no number, to which `c.{p+1}` could add something"),
    "below 0": ("conv{i}.{p*} -> c{i-2}.{p}", "line 1: `c{i-2}.{p}` would have a number below 0 for 1"),
    "braces": ("conv{1}.weight -> c.weight", "line 1: a brace of `conv{1}.weight` is not part of `{i}`, `{i=1..5}`, `{part*}` or `{rest**}`"),
    "side by side": ("conv{i}{j}.weight -> c.weight", "line 1: `conv{i}{j}.weight` has two captures with nothing between them"),
    "digits behind": ("conv{i}1.weight -> c.weight", "line 1: in `conv{i}1.weight` the capture `i`, a number, cannot be told from what follows it"),
    "twice one name": ("conv{i}.{i}.weight -> c.weight", "line 1: `conv{i}.{i}.weight` has two captures of one name"),
    "a range of words": ("conv{i=1-5}.weight -> c.weight", "line 1: `{i=1-5}` is neither a range as in {i=1..5} nor words"),
    "no rule": ("# nothing", "x.map has no rule: `theirs.weight -> ours.weight` is one"),
    "no net": ("net 3\na -> b", "line 1: `net` names nets, as in `net ResNet18, ResNet34`"),
    "a bracket": ("(a, b -> concat -> c", "line 1: `(a, b` is neither a name nor several in brackets"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_line(case: str) -> None:
    rows, said = WRONG[case]
    with pytest.raises(WeightsError) as caught:
        carried(rows, GIVEN, NEEDED)
    assert said in str(caught.value)


def test_a_part_leaves_out_what_does_not_fit_and_tells_it() -> None:
    rows = "conv1.weight -> c.weight\nconv1.bias -> c.bios\nnone -> c.bias\n"
    found, left, doubts = carried(rows, GIVEN, NEEDED, partial=True)
    assert (list(found), left) == (["c.weight"], ["fc.weight"])
    assert [doubt.split(": ")[0] for doubt in doubts] == ["x.map, line 2", "x.map, line 3"]


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("{a}x{b}x{c}x{d}x{e}x{f}x{g}y", "1x" * 40_000),
        ("{a*}.{b*}.{c*}.{d*}.{e*}.{f*}.{g*}.{h*}.end", "a." * 40_000),
        ("{a**}.x.{b*}.y", "a.x." * 20_000),
        ("{a=x|xx|xxx}.{b=x|xx}.y", "x" * 80_000),
    ],
)
def test_no_name_takes_long(pattern: str, key: str) -> None:
    made, started = read_pattern(pattern), time.process_time()
    assert made.match(key) is None
    assert time.process_time() - started < 2  # it would be hours where a pattern tried each way to part a name


def test_a_map_has_bounds() -> None:
    for text, said in (
        ("a -> b\n" * 3000, "more than 2,000 lines"),
        ("a" * 5000, "more than 4,000 letters"),
        ("#" * (2 << 20), "is larger than"),
        ("a" * 400 + " -> b", "a name has 1 to 300 letters"),
        ("é -> b \udcff", "cannot be read as a map"),
    ):
        Path("x.map").write_bytes(text.encode("utf-8", "surrogateescape"))
        with pytest.raises(WeightsError, match=said):
            read_map(Path("x.map"), "N")
    with pytest.raises(WeightsError, match=r"there is no map none.*specs/weights.*`netdsl weights map FILE"):
        read_map(Path("none.map"), "N")
    with pytest.raises(PatternError, match="more than 8 captures"):
        read_pattern(".".join(f"{{a{i}}}" for i in range(9)))
