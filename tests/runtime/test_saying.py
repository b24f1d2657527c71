"""Texts that nets say: greedy as PyTorch's own scores have it, drawn as often as their softmax says, by both engines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from through_onnx import evaluate_run

import netdsl
from netdsl.base.errors import DataError, RunError
from netdsl.cli.app import run as command
from netdsl.recipe import DATA
from netdsl.runtime.data.sets import load_data
from netdsl.runtime.predicting.models import open_model
from netdsl.runtime.predicting.saying import Chooser

SPEC = Path(__file__).parents[2] / "specs" / "char_rnn.net"
FIXED = """
net Fixed(vocab = 8) {
  input tokens int[9]
  output scores: embedding(vocab, 8) -> rnn(16) -> linear(vocab)
}

train Fixed {
  data text("in.txt")
  loss (scores, label) -> cross_entropy
  epochs 1
}
"""
TEXT = "abc\nabd, " * 120
LETTERS = "".join(sorted(set(TEXT)))


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that has learned a little of how the text goes on."""
    folder = tmp_path_factory.mktemp("writer")
    (folder / "in.txt").write_text(TEXT)
    spec = SPEC.read_text().replace("input.txt", str(folder / "in.txt")).replace("epochs    20", "epochs    6")
    spec = spec.replace("T = 64", "T = 12").replace("batch     50", "batch     8")
    netdsl.train(own(spec), folder / "run", engine="onnx", quiet=True)
    return folder / "run"


def own(spec: str, net: str = "CharRNN") -> netdsl.Net:
    return netdsl.load_text(spec, net, vocab=9, hidden=24)


def greedy(run: Path, start: str, many: int) -> str:
    """What PyTorch's module says of the last 12 characters, over and over."""
    module, said = netdsl.torch_module(own(SPEC.read_text())), list(start)
    from safetensors.torch import load_file

    module.load_state_dict(load_file(run / "weights.safetensors"))
    for _ in range(many):
        read = torch.tensor([[LETTERS.index(c) for c in said[-12:]]])
        said.append(LETTERS[int(module.eval()(read)[0, -1, : len(LETTERS)].argmax())])
    return "".join(said)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_text_is_gone_on_with(writer: Path, engine: str) -> None:
    asked = netdsl.Saying(length=40)
    told = netdsl.predict(writer, {"tokens": "abc"}, engine=engine, saying=asked)
    assert told.text == greedy(writer, "abc", 40)
    assert len(set(told.text)) > 2
    drawn = [netdsl.predict(writer, {"tokens": "ab"}, saying=netdsl.Saying(2.0, 30), engine=engine, seed=s).text
             for s in (1, 1, 2)]  # fmt: skip
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_net_of_single_characters_says_the_same_while_a_piece_lasts(writer: Path) -> None:
    """`CharStep` keeps what it has read, `CharRNN` reads again the last 12."""
    saying = netdsl.Saying(length=10)
    whole = netdsl.predict(writer, {"tokens": "ab"}, engine="onnx", saying=saying).text
    assert whole == netdsl.predict(writer, {"char": "ab"}, engine="onnx", net="CharStep", saying=saying).text


def test_a_file_says_what_its_run_says(writer: Path, tmp_path: Path) -> None:
    saying = netdsl.Saying(0.8, 20)
    for name in ("CharRNN", "CharStep"):
        net = own(SPEC.read_text(), name)
        netdsl.save_onnx(net, tmp_path / "m.onnx", weights=writer / "weights.safetensors")
        model, word = open_model(tmp_path / "m.onnx"), next(v.name for v in net.fed)
        said = netdsl.predict(model.name, {word: "ab"}, seed=4, saying=saying).text
        assert said == netdsl.predict(writer, {word: "ab"}, seed=4, net=name, saying=saying, engine="onnx").text


def test_an_input_of_one_length_is_filled_up(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text(TEXT)
    net = netdsl.load_text(FIXED.replace("in.txt", str(tmp_path / "in.txt")))
    run = netdsl.train(net, tmp_path / "run", engine="onnx", quiet=True).folder
    said = netdsl.predict(run, {"tokens": "a"}, engine="onnx", saying=netdsl.Saying(length=30)).text
    assert said[0] == "a"
    assert len(said) == 31
    long = {"tokens": TEXT[:50]}
    assert netdsl.predict(run, long, engine="onnx", saying=netdsl.Saying(length=1)).text[:50] == TEXT[:50]


def test_tokens_are_drawn_as_often_as_the_softmax_has_it() -> None:
    scores = np.log(np.array([[0.5, 0.3, 0.2], [0.0, 0.9, 0.1]]) + 1e-12)
    choose = Chooser(netdsl.Saying(1.0), 0)
    many = np.array([choose(scores) for _ in range(4000)])
    for row, shares in enumerate(np.exp(scores)):
        assert np.bincount(many[:, row], minlength=3) / 4000 == pytest.approx(shares, abs=0.03)
    cold = Chooser(netdsl.Saying(0.01), 0)
    assert {tuple(cold(scores)) for _ in range(50)} == {(0, 1)}
    squared = np.array([Chooser(netdsl.Saying(0.5), s)(scores[:1])[0] for s in range(3000)])
    assert np.mean(squared == 0) == pytest.approx(0.25 / (0.25 + 0.09 + 0.04), abs=0.03)
    with pytest.raises(RunError, match="no numbers"):
        choose(np.array([[np.nan, 1.0]]))


def test_characters_that_training_had_not_are_named(writer: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r'the text, line 2: "Z" is none of the 7 characters'):
        netdsl.predict(writer, {"tokens": "a\nbZ"}, engine="onnx")
    with pytest.raises(DataError, match="no characters"):
        netdsl.predict(writer, {"tokens": ""}, engine="onnx")
    other = tmp_path / "other.txt"
    other.write_text(TEXT + "\nabq")
    with pytest.raises(DataError, match=r'other.txt, line 122: "q" is none of the 7'):
        evaluate_run(writer, "test", DATA["text"](str(other), length=12))


def test_other_texts_are_read_by_the_characters_of_training(writer: Path, tmp_path: Path) -> None:
    """A text without some of the characters: numbers are those of training, not those that it would give itself."""
    other = tmp_path / "other.txt"
    other.write_text("abd, " * 40)
    net = netdsl.load(SPEC, "CharRNN", vocab=9)
    facts = open_model(writer, "onnx").facts
    fields = load_data(DATA["text"](str(other), length=12), net, facts=facts).splits["train"].fetch(np.array([0]))
    assert "".join(LETTERS[n] for n in fields["tokens"][0]) == "abd, abd, ab"


def test_what_is_said_at_the_command(writer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["predict", str(writer), "--engine", "onnx", "--length", "15"]
    assert command([*asked, "--text", "abc\nabd"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("abc\nabd")
    assert len(said) == 23
    assert command([*asked, "--text", "abc\nab", "--text", "b", "--temperature", "1"]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert "note: drawn from --seed " in told.err
    with pytest.raises(DataError, match="is none of the 7 characters"):
        command([*asked, "--text", "abz"])


def test_a_net_without_a_text_is_asked_for_none(tmp_path: Path) -> None:
    spec = SPEC.with_name("softmax.net").read_text().replace("epochs    20", "epochs    1")
    run = netdsl.train(netdsl.load_text(spec), tmp_path / "run", engine="onnx", quiet=True).folder
    with pytest.raises(RunError, match="Softmax says no text"):
        netdsl.predict(run, 0, engine="onnx", saying=netdsl.Saying(1.0))
    for wrong, said in (({"temperature": -1}, "temperature"), ({"length": 0}, "1 to 100,000")):
        with pytest.raises(RunError, match=said):
            netdsl.Saying(**wrong)
