"""Nets that read and say sequences: the scores of PyTorch's own layers with their weights, and words of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from references.captions import Attending as AttendingTo
from references.captions import PictureBefore, PictureFirst
from references.translation import Attending, Telling, TwoLstms, WithContext
from torch import Tensor, nn

import netdsl
from netdsl.codegen.onnx.model import onnx_model
from netdsl.codegen.pytorch.module import torch_module
from netdsl.runtime.predict import predictions

SPECS = Path(__file__).parents[2] / "specs"
READ, WORDS, WIDTH, HIDDEN = 11, 13, 6, 7
SIZES = {"read": READ, "words": WORDS, "width": WIDTH, "hidden": HIDDEN}

torch.set_num_threads(1)


def carried(theirs: nn.Module, names: dict[str, str]) -> dict[str, Tensor]:
    """Their weights under our names, each of which stands for the one or for all that begin so."""
    found = {}
    for key, value in theirs.state_dict().items():
        name = next(name for name in names if key.startswith(name))
        found[names[name] + key.removeprefix(name)] = value
    return found


def cells(name: str, ours: str, layers: int) -> dict[str, str]:
    """`encoder.weight_hh_l1` is `….layer2.hh.weight` in a cell that is written out."""
    return {
        f"{name}.{what}_{side}_l{n}": f"{ours}{n + 1 if layers > 1 else ''}.{side}.{what}"
        for n in range(layers) for what in ("weight", "bias") for side in ("ih", "hh")
    }  # fmt: skip


def both(net: netdsl.Net, weights: dict[str, Tensor], *given: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Each output of both engines."""
    module = torch_module(net).eval()
    module.load_state_dict(weights)
    with torch.no_grad():
        made = module(*given)
    made = list(made.values()) if isinstance(made, dict) else list(made) if isinstance(made, tuple) else [made]
    model = onnx_model(net, weights={k: v.numpy() for k, v in weights.items()}).SerializeToString()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    inputs = {port.name: x.numpy() for port, x in zip(session.get_inputs(), given, strict=True)}
    return [(ours, torch.from_numpy(run)) for ours, run in zip(made, session.run(None, inputs), strict=True)]


def agree(found: list[tuple[Tensor, Tensor]], *expected: Tensor) -> None:
    for (ours, run), theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=2e-6)
        torch.testing.assert_close(run, theirs, rtol=0, atol=2e-6)


def sentences() -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(2)
    return torch.randint(READ, (3, 5), generator=draw), torch.randint(WORDS, (3, 4), generator=draw)


def test_two_lstms_say_what_pytorchs_do() -> None:
    torch.manual_seed(0)
    theirs = TwoLstms(READ, WORDS, WIDTH, HIDDEN, 2).eval()
    names = {
        "read": "encoder.words", "said": "decoder.says.said", "scores": "decoder.says.scores",
        **cells("encoder", "encoder.reads1.cells.layer", 2), **cells("decoder", "decoder.says.cells.layer", 2),
    }  # fmt: skip
    net = netdsl.load(SPECS / "translate.net", "Seq2Seq", **SIZES)
    with torch.no_grad():
        agree(both(net, carried(theirs, names), *sentences()), theirs(*sentences()))


def test_a_context_is_seen_as_in_pytorchs() -> None:
    torch.manual_seed(0)
    theirs = WithContext(READ, WORDS, WIDTH, HIDDEN).eval()
    names = {
        "read": "context.embedding1", "encoder": "context.gru1", "said": "decoder.said", "scores": "decoder.scores",
        **cells("decoder", "decoder.step", 1),
    }  # fmt: skip
    weights = carried(theirs, names)
    # theirs reads word, state, context; ours are in the same order
    net = netdsl.load(SPECS / "translate.net", "Context", **SIZES)
    with torch.no_grad():
        agree(both(net, weights, *sentences()), theirs(*sentences()))


def test_attention_reads_where_pytorchs_does() -> None:
    """Their one matrix for state and memory is two of ours."""
    torch.manual_seed(0)
    theirs = Attending(READ, WORDS, WIDTH, HIDDEN).eval()
    names = {
        "read": "memory.words.embedding1", "encoder": "memory.words.gru1", "start": "memory.start",
        "said": "decoder.says.said", "weigh": "decoder.says.look.share", "energy": "decoder.says.look.keys",
        "scores": "decoder.says.scores", **cells("decoder", "decoder.says.state", 1),
    }  # fmt: skip
    weights = carried(theirs, names)
    whole = weights["decoder.says.look.keys.weight"]
    weights["decoder.says.look.query.weight"] = whole[:, :HIDDEN].contiguous()
    weights["decoder.says.look.keys.weight"] = whole[:, HIDDEN:].contiguous()
    net = netdsl.load(SPECS / "translate.net", "Attention", **SIZES)
    with torch.no_grad():
        agree(both(net, weights, *sentences()), *theirs(*sentences()))


def test_the_slides_captions_are_those_of_pytorchs_cell() -> None:
    torch.manual_seed(0)
    theirs = Telling(WORDS, WIDTH, HIDDEN, 64).eval()
    net = netdsl.load(SPECS / "caption.net", "CaptionShapes", words=WORDS, width=WIDTH, hidden=HIDDEN)
    weights = {key: value.clone() for key, value in torch_module(net, seed=1).state_dict().items()}
    weights |= {
        "say.said.weight": theirs.said.weight, "say.h.linear1.weight": theirs.cell.weight_ih_l0[:, :WIDTH].contiguous(),
        "say.h.linear2.weight": theirs.cell.weight_hh_l0, "say.h.linear2.bias": theirs.cell.bias_hh_l0,
        "say.h.linear3.weight": theirs.seen.weight, "say.scores.weight": theirs.scores.weight,
        "say.scores.bias": theirs.scores.bias,
    }  # fmt: skip
    weights = {key: value.detach() for key, value in weights.items()}
    images, (_, target) = torch.rand(3, 3, 32, 32), sentences()
    with torch.no_grad():
        x = torch.conv2d(images, weights["trunk.conv1.weight"], weights["trunk.conv1.bias"], 2, 2).relu()
        x = torch.conv2d(x, weights["trunk.conv2.weight"], weights["trunk.conv2.bias"], 2, 1).relu().flatten(1)
        v = (x @ weights["trunk.linear1.weight"].T + weights["trunk.linear1.bias"]).relu()
        agree(both(net, weights, images, target), theirs(target, v))


CAPTIONED: dict[str, tuple[nn.Module, dict[str, str]]] = {
    "ShowAndTell": (
        PictureFirst(2048, WORDS, WIDTH, HIDDEN),
        {
            "linear": "seen.linear1", "bn": "seen.batchnorm1", "embed": "logits.said", "lstm": "logits.lstm1",
            "out": "logits.linear1",
        },
    ),
    "NeuralTalk2": (
        PictureBefore(2048, WORDS, WIDTH, HIDDEN),
        {"linear": "seen", "table": "logits.said", "lstm": "logits.cells", "out": "logits.scores"},
    ),
    "ShowAttendTell": (
        AttendingTo(32, WORDS, WIDTH, HIDDEN, 5),
        {
            "encoder_att": "say.look.keys", "decoder_att": "say.look.asked", "full_att": "say.look.share",
            "f_beta": "say.look.sight", "embedding": "say.said", "init_h": "first.h", "init_c": "first.c",
            "fc": "say.scores",
            **{
                f"decode_step.{what}_{side}": f"say.cell.{side}.{what}"
                for what in ("weight", "bias") for side in ("ih", "hh")
            },
        },
    ),
}  # fmt: skip
"""By net: what three repositories say of a picture's features, and its names in ours."""


@pytest.mark.parametrize("name", CAPTIONED)
def test_words_about_a_picture_are_those_of_its_repository(name: str) -> None:
    theirs, names = CAPTIONED[name]
    sizes = {"words": WORDS, "width": WIDTH, "hidden": HIDDEN} | ({"attention": 5} if name == "ShowAttendTell" else {})
    net = netdsl.load(SPECS / "caption.net", f"{name}Shapes", **sizes)
    eyes = torch_module(net, seed=1).state_dict()
    weights = {key: value for key, value in eyes.items() if key.startswith("trunk.")}
    weights |= carried(theirs.eval(), names)
    assert weights.keys() == eyes.keys()
    images, (_, target) = torch.rand(3, 3, 32, 32), sentences()
    with torch.no_grad():
        x = images
        for number, (stride, pad) in enumerate(((2, 2), (2, 1), (1, 1)), 1):
            x = torch.conv2d(x, weights[f"trunk.conv{number}.weight"], None, stride, pad)
            x = torch.batch_norm(x, *norms(weights, f"trunk.batchnorm{number}"), False, 0.1, 1e-5, False).relu()
        features = x.flatten(2).mT if name == "ShowAttendTell" else x.flatten(1)
        found = theirs(features, target)
        agree(both(net, weights, images, target), *(found if isinstance(found, tuple) else (found,)))


def norms(weights: dict[str, Tensor], name: str) -> list[Tensor]:
    return [weights[f"{name}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")]


@pytest.mark.parametrize("name", CAPTIONED)
def test_a_picture_is_told_of_in_words_of_its_own(name: str, tmp_path: Path) -> None:
    """The likeliest ones, which either engine says, and drawn ones."""
    net = netdsl.load(SPECS / "caption.net", f"{name}Shapes", width=12, hidden=24)
    told: dict[str, object] = {"engine": "onnx", "data": "shape_captions(count=80)", "optimizer": "adam(lr=0.01)"}
    run = netdsl.train(net, tmp_path / "run", batch=8, epochs=1, quiet=True, **told).folder
    found = {
        (engine, heat): [p.text for p in predictions(run, ["0:4"], engine=engine, seed=1, saying=netdsl.Saying(heat))]
        for engine in ("torch", "onnx") for heat in (0.0, 2.0)
    }  # fmt: skip
    for heat in (0.0, 2.0):
        assert found["torch", heat] == found["onnx", heat]
    assert found["torch", 0.0] != found["torch", 2.0]


@pytest.fixture(scope="module")
def speller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of `Attention` that spells numbers, more or less."""
    text = (SPECS / "translate.net").read_text().replace("numerals", "numerals(count=300, digits=3)")
    few = {"read": 12, "words": 14, "width": 8, "hidden": 24, "drop": 0}
    net = netdsl.load_text(text.replace("epochs    8", "epochs    2"), "Attention", **few)
    folder = tmp_path_factory.mktemp("speller") / "run"
    return netdsl.train(net, folder, recipe="small", engine="onnx", quiet=True).folder


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_a_net_that_reads_its_own_words_says_what_it_is_made_to_say(speller: Path, engine: str) -> None:
    """`Attention` token by token through `predict`, and `AttentionSpeak` in one call; drawn ones are in the vocabulary."""
    asked = [{"source": digits} for digits in ("1", "40", "352")]
    made = [p.text for p in predictions(speller, asked, engine=engine)]
    assert made == [
        " ".join((p.text or "").split()[: len((m or "").split())])
        for p, m in zip(predictions(speller, asked, engine=engine, net="AttentionSpeak"), made, strict=True)
    ]
    assert any(made)


def test_a_text_is_read_behind_its_last_word() -> None:
    """Whatever stands on the padding."""
    net = netdsl.load(SPECS / "sentiment.net", "Sentiment", vocab=20, width=5, hidden=6)
    module = torch_module(net, seed=0).eval()
    tokens, mask = torch.randint(20, (2, 8)), torch.tensor([[True] * 5 + [False] * 3, [True] * 8])
    changed = tokens.clone()
    changed[0, 5:] = 3
    with torch.no_grad():
        torch.testing.assert_close(module(tokens, mask), module(changed, mask))
        alone = module(tokens[:1, :5], torch.ones(1, 5, dtype=torch.bool))
        torch.testing.assert_close(module(tokens, mask)[:1], alone)
        assert not np.allclose(module(tokens, mask)[0], module(tokens, torch.ones(2, 8, dtype=torch.bool))[0])
