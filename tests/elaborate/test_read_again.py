"""A text that is read again gives the same nets, whatever was made of it before."""

from __future__ import annotations

from pathlib import Path

import pytest

import netdsl
from netdsl import program
from netdsl.base.recent import Recent
from netdsl.text.diagnostics import NetError

SPECS = Path(__file__).parents[2] / "specs"
TEXT = "net N(width = 4) { input x [width] ; x -> linear(width) }"


def test_one_text_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed, parse = [], program.parse
    monkeypatch.setattr(program, "TREES", Recent(8))
    monkeypatch.setattr(program, "parse", lambda *given: parsed.append(given[0].text) or parse(*given))
    counts = [netdsl.analyze(netdsl.load_text(TEXT, width=width)).totals.params for width in (4, 5, 4)]
    assert counts == [20, 30, 20]
    assert parsed == [TEXT]
    netdsl.load_text(TEXT, name="another")  # messages name it otherwise
    assert len(parsed) == 2


def test_texts_with_mistakes_are_read_anew() -> None:
    found = []
    for _ in range(2):
        with pytest.raises(NetError) as error:
            netdsl.load_text("net N { input x [4] ; x -> -> linear(4) }")
        found.append([(d.code, d.message) for d in error.value.diagnostics])
    assert found[0] == found[1]
    assert found[0]


def test_no_more_texts_are_kept_than_are_of_use() -> None:
    for size in range(1, 20):
        netdsl.load_text(f"net N {{ input x [{size}] ; x -> linear(1) }}")
    assert len(program.TREES) <= program.TREES.most


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", ["resnet", "unet", "char_rnn", "translate", "gpt"])
def test_nets_do_not_change_the_tree_that_they_are_made_of(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "TREES", Recent(8))
    first, again = (
        [_facts(path, net) for net in program.load_file(path).names] for path in [SPECS / f"{name}.net"] * 2
    )
    assert first == again


def _facts(path: Path, net: str) -> tuple[str, str]:
    made = netdsl.load(path, net)
    return repr(netdsl.analyze(made)), netdsl.torch_source(made)
