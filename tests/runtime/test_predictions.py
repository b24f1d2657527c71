"""Many samples in one call, pictures of any size, and what is kept of them: by nets whose answers are known."""

from __future__ import annotations

import csv
import io
import itertools
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from netdsl.base.errors import DataError, RunError
from netdsl.base.files import WriteError
from netdsl.cli.app import run as command
from netdsl.codegen.onnx.model import save_onnx
from netdsl.graph import Net, Recipe
from netdsl.graph.meaning import OutputKind
from netdsl.program import load_file, load_text
from netdsl.runtime.pictures.colours import colours_kept, voc_colours
from netdsl.runtime.pictures.tiling import Blend, cut_out, places, ramp, starts
from netdsl.runtime.predict import Asked, predict, predictions
from netdsl.runtime.predicting.answers import probabilities, view_of
from netdsl.runtime.predicting.fitting import Fitting, View, allowed, margin_of, whole_view
from netdsl.runtime.predicting.meaning import meaning_of
from netdsl.runtime.predicting.models import Model
from netdsl.runtime.predicting.samples import SampleReader
from netdsl.runtime.predicting.writing import Folder, chosen, stems
from netdsl.runtime.sessions.opening import open_net, run_once
from netdsl.runtime.train import train

COLOURS = "net Colours {\n  input image [3, 12, 16]\n  output mask: conv(3, 1, bias=false)\n}"
OPEN = COLOURS.replace("12, 16", "H, W")
UNPADDED = OPEN.replace("conv(3, 1, bias=false)", "conv(3, 5, bias=false)")
FIXED = UNPADDED.replace("H, W", "12, 16")
TRAINED = (
    OPEN + "\ntrain Colours {\n  data shapes(count=12, size=16)\n  loss (mask, label) -> cross_entropy\n"
    "  epochs 1\n  batch 4\n  workers 0\n}\n"
).replace("conv(3, 1, bias=false)", "conv(4, 1)")


def weights_of(net: Net) -> dict[str, Any]:
    """Each class has the colour of its number: the middle of a window alone counts."""
    made = {}
    for key, weight in net.weights():
        array = np.zeros(weight.shape, np.float32)
        array[range(3), range(3), weight.shape[2] // 2, weight.shape[3] // 2] = 9
        made[key] = array
    return made


def predictor(text: str, fitting: Fitting | None = None) -> Asked:
    net = load_text(text).net()
    picture = {"channels": 3, "height": 12, "width": 16, "mean": [0.0], "std": [1.0], "fit": "crop", "stored": None}
    model = Model(net, partial(run_once, open_net(net, weights_of(net), "cpu")), {"picture": picture}, "m")
    meaning = meaning_of(model, True)
    return Asked(
        model, SampleReader(model, None, "test", fitting, meaning.pixelwise), meaning, ("red", "green", "blue"), ()
    )


def quarters(path: Path, high: int, wide: int, part: int = 2) -> Any:
    """A picture of three colours, saved without loss, and the class of each of its pixels."""
    mask = np.zeros((high, wide), int)
    mask[: high // part, wide // part :] = 1
    mask[high // part :, : wide // part] = 2
    Image.fromarray((np.eye(3)[mask] * 200).astype(np.uint8)).save(path)
    return mask


SIZES = [(12, 16), (24, 32), (11, 50), (37, 29), (6, 6)]


@pytest.mark.parametrize(("high", "wide"), SIZES)
@pytest.mark.parametrize("text", [COLOURS, OPEN, FIXED])
def test_a_mask_lies_on_its_picture(tmp_path: Path, text: str, high: int, wide: int) -> None:
    """Whatever the size of the picture, the mask has it; only pixels beside a border may be of its other side."""
    mask = quarters(tmp_path / "a.png", high, wide)
    found = next(predictor(text).answers([str(tmp_path / "a.png")]))
    assert found.mask is not None
    assert found.mask.shape == (high, wide)
    assert (found.mask != mask).mean() <= (0 if (high, wide) == (12, 16) and text != FIXED else 0.2)
    assert sum(share.share for share in found.shares) == pytest.approx(1)
    inner = (slice(1, max(2, high // 2 - 2)), slice(1, max(2, wide // 2 - 2)))
    assert (found.mask[inner] == mask[inner]).all()


@pytest.mark.parametrize("text", [UNPADDED, FIXED])
def test_a_mask_of_unpadded_windows_is_not_stretched(tmp_path: Path, text: str) -> None:
    """A border that is not in the middle stays where it is, up to a pixel of the input: two of the picture."""
    mask = quarters(tmp_path / "a.png", 24, 32, part=4)
    found = next(predictor(text).answers([str(tmp_path / "a.png")]))
    assert (found.mask[:, -1] == 1).sum() == pytest.approx(6, abs=2)
    assert (found.mask[-1] == 2).sum() == pytest.approx(8, abs=2)
    assert (found.mask != mask).mean() < 0.1


@pytest.mark.parametrize(("high", "wide"), SIZES)
@pytest.mark.parametrize("fitting", [Fitting(own=True), Fitting(tile=8), Fitting(tile=9, overlap=3)], ids=str)
@pytest.mark.parametrize("text", [OPEN, UNPADDED])
def test_a_picture_keeps_its_size(tmp_path: Path, text: str, fitting: Fitting, high: int, wide: int) -> None:
    """At its own size and in tiles every pixel has its own class, also where windows are not padded."""
    mask = quarters(tmp_path / "a.png", high, wide)
    found = next(predictor(text, fitting).answers([str(tmp_path / "a.png")]))
    np.testing.assert_array_equal(found.mask, mask)


@pytest.mark.parametrize("numbered", [False, True])
def test_a_mask_of_few_numbers_lies_on_a_picture_that_was_padded(tmp_path: Path, numbered: bool) -> None:
    """Each number stands for 8×8 pixels, and the picture ends within one: what lies far from the corner stays there."""
    end = " -> argmax" if numbered else ""
    text = f"net Coarse {{\n  input image [3, H, W]\n  output mask: avgpool(8) -> conv(3, 1, bias=false){end}\n}}"
    mask = np.zeros((99, 67), int)
    mask[64:, :56], mask[:64, 56:] = 2, 1
    Image.fromarray((np.eye(3)[mask] * 200).astype(np.uint8)).save(tmp_path / "a.png")
    found = next(predictor(text, Fitting(own=True)).answers([str(tmp_path / "a.png")]))
    assert found.mask is not None
    assert [r for r in range(1, 99) if found.mask[r, 0] != found.mask[r - 1, 0]] == [64]
    assert [c for c in range(1, 67) if found.mask[0, c] != found.mask[0, c - 1]] == [56]
    assert (found.mask != mask).mean() <= (0 if numbered else 0.01)  # where three classes meet


def test_tiles_say_what_the_whole_says(tmp_path: Path) -> None:
    """Scores of a net that sees single pixels are the same in tiles, up to rounding."""
    quarters(tmp_path / "a.png", 31, 45)
    whole, tiled = (
        next(predictor(OPEN, f).answers([str(tmp_path / "a.png")]))
        for f in (Fitting(own=True), Fitting(tile=10, overlap=4))
    )
    np.testing.assert_allclose(tiled.first, whole.first, atol=1e-5)


def test_a_picture_is_padded_to_the_next_size_that_the_net_takes(tmp_path: Path) -> None:
    text = "net Even {\n  input image [3, H, W]\n  assert H % 4 == 0\n  assert W % 4 == 0\n  output mask: conv(3, 1, bias=false)\n}"
    mask = quarters(tmp_path / "a.png", 13, 18)
    found = next(predictor(text, Fitting(own=True)).answers([str(tmp_path / "a.png")]))
    assert found.first.shape == (3, 16, 20)
    np.testing.assert_array_equal(found.mask, mask)
    net = load_text(text).net()
    assert allowed(net, (13, 18)) == (16, 20)
    square = load_text("net S {\n  input image [3, S, S]\n  output y: conv(3, 1)\n}").net()
    assert allowed(square, (13, 18)) == (18, 18)


@pytest.mark.parametrize(
    ("text", "fitting", "message"),
    [
        (COLOURS, Fitting(own=True), "no picture of 20×30 at its own size.*--tile 16.*open sizes"),
        (OPEN.replace("H, W]", "H, W]\n  assert H < 9"), Fitting(own=True), "takes no H from 20 on"),
        (OPEN, Fitting(sizes={"T": 4}), "has no size `T`: its sizes are H, W"),
        (OPEN.replace("H, W]", "H, W]\n  assert H % 4 == 0"), Fitting(sizes={"H": 6}), "cannot take H = 6"),
    ],
)  # fmt: skip
def test_sizes_that_cannot_be(tmp_path: Path, text: str, fitting: Fitting, message: str) -> None:
    quarters(tmp_path / "a.png", 20, 30)
    with pytest.raises(RunError, match=message):
        next(predictor(text, fitting).answers([str(tmp_path / "a.png")]))


def test_fittings_that_contradict_themselves() -> None:
    for given, message in (
        ({"own": True, "tile": 8}, "choose one"), ({"overlap": 3}, "how large they are"),
        ({"tile": 8, "overlap": 8}, "overlap by 0 to 7"),
    ):  # fmt: skip
        with pytest.raises(RunError, match=message):
            Fitting(**given)  # type: ignore[arg-type]


def test_the_margin_of_unpadded_windows_is_worked_out() -> None:
    def margin(text: str) -> int:
        return margin_of(Model(load_text(text).net(), dict, {}, "m"))

    assert [margin(text) for text in (COLOURS, OPEN, UNPADDED, FIXED)] == [0, 0, 2, 2]
    fixed = "net N {\n  input image [3, 12, 16]\n  output y: %s\n}"
    assert margin(fixed % "conv(4, 3) -> maxpool(2) -> conv(4, 3) -> resize(scale=2) -> conv(3, 3)") == 4
    assert margin(fixed % "conv(3, 3, stride=2, pad=1)") == 0, "half as many, all over the picture"
    assert margin(fixed % "conv(3, 5) -> resize(size=(6, 10))") == 0, "at another scale"
    assert margin(fixed % "conv(3, 4)") == 0, "the middle of no pixels"
    unet = load_text(Path("specs/unet.net").read_text(), "unet.net").net()
    assert margin_of(Model(unet, dict, {}, "m")) == 92  # 572 to 388 in the paper


def test_an_array_is_shown_as_far_as_it_is_answered(tmp_path: Path) -> None:
    """Of an input that goes on in a margin, the middle is the picture."""
    mask = quarters(tmp_path / "a.png", 12, 16)
    planes = np.eye(3, dtype=np.float32)[mask].transpose(2, 0, 1)
    found = next(predictor(FIXED).answers([planes]))
    assert found.sample is not None
    assert found.sample.shown is not None
    np.testing.assert_array_equal(found.mask, mask[2:-2, 2:-2])
    np.testing.assert_array_equal(found.sample.shown.argmax(-1), mask[2:-2, 2:-2])


# ---------------------------------------------------------------- tiles


@pytest.mark.parametrize(("length", "tile", "overlap"), [(10, 4, 0), (10, 4, 1), (4, 4, 2), (3, 4, 0), (1000, 512, 64)])
def test_tiles_cover_all(length: int, tile: int, overlap: int) -> None:
    found = starts(length, tile, overlap)
    covered = {place for start in found for place in range(start, start + tile)}
    assert covered >= set(range(length))
    assert all(b - a <= tile - overlap for a, b in itertools.pairwise(found))
    assert found[-1] + tile == max(length, tile)


def test_tiles_of_a_picture_put_together_are_the_picture() -> None:
    image = np.random.default_rng(0).normal(size=(2, 17, 23)).astype(np.float32)
    blend = Blend(2, 17, 23, 8, 3)
    where = places(17, 23, 8, 3)
    for place, tile in zip(where, cut_out(image, where, 8), strict=True):
        blend.add(place, tile)
    np.testing.assert_allclose(blend.whole(), image, atol=1e-6)
    assert ramp(6, 2).tolist() == pytest.approx([1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3])


# ---------------------------------------------------------------- what an output is


MEANINGS = [
    ("[3, 8, 8]", "output y: conv(4, 1)", "shapes", "(y, label) -> cross_entropy", OutputKind.MASK),
    ("[3, 8, 8]", "output y: conv(3, 1)", "shapes(classes=[disc, box])", "(y, label) -> cross_entropy", OutputKind.MASK),
    ("[3, 8, 8]", "output y: conv(1, 1)", "shapes(classes=[disc])", "(y, label) -> binary_cross_entropy_with_logits",
     OutputKind.FIGURE),
    ("[1, 8, 8]", "output y: conv(1, 1)", "digits", "(y, image) -> mse", OutputKind.PICTURE),
    ("[1, 8, 8]", "output y: conv(1, 1) -> sigmoid", "digits", "(y, image) -> binary_cross_entropy", OutputKind.PICTURE),
    ("[1, 8, 8]", "output y: flatten -> linear(10)", "digits", "(y, label) -> cross_entropy", OutputKind.SCORES),
    ("[64]", "output y: linear(64)", "digits", "(y, image) -> mse", OutputKind.NUMBERS),
    ("[1, 8, 8]", "output code: flatten -> linear(4)\n  output y: code -> linear(64) -> reshape([1, 8, 8])", "digits",
     "(y, image) -> mse", OutputKind.NUMBERS),
    ("[1, 8, 8]", "output code: conv(4, 3, stride=2, pad=1)\n  output y: code -> conv_transpose(1, 2, stride=2)",
     "digits", "(y, image) -> mse", OutputKind.NUMBERS),
    ("[1, 8, 8]", "output y: flatten -> linear(4)\n  output z: image -> flatten -> linear(4)", "digits",
     "(y, z) -> mse", OutputKind.NUMBERS),
    ("[1, 8, 8]", "output y: flatten -> linear(10)", "digits", "((y -> softmax) - (label -> one_hot(10))) ** 2 -> mean",
     OutputKind.SCORES),
    ("[1, 8, 8]", "output y: flatten -> linear(10)\n  output z: y -> linear(10)", "digits",
     "(z, label) -> cross_entropy\n  metric right: (y, label) -> accuracy", OutputKind.SCORES),
    ("[1, 8, 8]", "output y: flatten -> linear(4)", None, None, OutputKind.SCORES),
    ("[3, 8, 8]", "output y: conv(4, 1) -> argmax(axis=0)", None, None, OutputKind.NUMBERED),
    ("[3, 8, 8]", "output y: conv(3, 1)", None, None, OutputKind.PICTURE),
    ("[3, 8, 8]", "output y: conv(500, 1)", None, None, OutputKind.NUMBERS),
    ("int[5]", "output y: embedding(8, 4) -> linear(8)", None, None, OutputKind.NUMBERS),
]  # fmt: skip


@pytest.mark.parametrize(("shape", "rows", "data", "loss", "meaning"), MEANINGS)
def test_what_an_output_is(shape: str, rows: str, data: str | None, loss: str | None, meaning: OutputKind) -> None:
    text = f"net N {{\n  input image {shape}\n  {rows}\n}}\n"
    if data is not None:
        text += f"train N {{\n  data {data}\n  loss {loss}\n}}\n"
    assert meaning_of(Model(load_text(text).net(), dict, {}, "m")) is meaning


def test_places_under_a_contrastive_loss_are_no_classes() -> None:
    net = load_file(Path(__file__).parents[2] / "specs" / "siamese.net").net("SiameseDigits")
    assert meaning_of(Model(net, dict, {}, "m")) is OutputKind.NUMBERS


def test_a_net_that_takes_the_weights_of_another_is_read_by_its_shape() -> None:
    """Its recipe has the data of the run and no loss."""
    net = load_text("net N {\n  input image [1, 8, 8]\n  output y: flatten -> linear(10)\n}\n").net()
    assert net.span is not None
    net.recipe = Recipe(net.span)
    assert meaning_of(Model(net, dict, {}, "m")) is OutputKind.SCORES


def test_probabilities_of_one_score_are_those_of_two_classes(tmp_path: Path) -> None:
    text = COLOURS.replace("conv(3, 1, bias=false)", "slice(0, end=1)")
    quarters(tmp_path / "a.png", 12, 16)
    found = next(predictor(text).answers([str(tmp_path / "a.png")]))
    assert found.meaning is OutputKind.FIGURE
    assert found.sample is not None
    shares = np.concatenate(list(probabilities(found.first * 5, found.meaning, view_of(found.sample, found.first))), 1)
    expected = torch.sigmoid(torch.from_numpy(found.first * 5)).numpy()
    np.testing.assert_allclose(shares[1], expected[0], atol=1e-6)
    np.testing.assert_allclose(shares.sum(0), 1, atol=1e-6)


@pytest.mark.parametrize("meaning", [OutputKind.FIGURE, OutputKind.MASK])
def test_all_rows_of_a_picture_hold_scores_of_one_kind(monkeypatch: pytest.MonkeyPatch, meaning: OutputKind) -> None:
    """Also those that would be probabilities by themselves, such as the second of these."""
    monkeypatch.setattr(View, "strips", lambda self, channels: [(0, 1), (1, 2)])
    scores = torch.tensor([[[-3.0, 2.0], [0.25, 0.5]], [[4.0, 1.0], [0.75, 0.5]]])
    scores = scores[:1] if meaning is OutputKind.FIGURE else scores
    shares = np.concatenate(list(probabilities(scores.numpy(), meaning, whole_view(2, 2))), 1)
    expected = scores[0].sigmoid() if meaning is OutputKind.FIGURE else scores.softmax(0)[1]
    np.testing.assert_allclose(shares[1], expected.numpy(), atol=1e-6)


def test_scores_laid_back_are_what_pytorch_makes_of_them() -> None:
    scores = np.random.default_rng(1).normal(size=(3, 7, 9)).astype(np.float32)
    laid = View((23, 31), 7, 9, (7, 9))
    expected = torch.nn.functional.interpolate(torch.from_numpy(scores)[None], (23, 31), mode="bilinear")[0].numpy()
    np.testing.assert_allclose(laid.laid_back(scores), expected, atol=1e-5)
    strips = np.concatenate([laid.laid_back(scores, *rows) for rows in laid.strips(3, 31 * 3 * 4)], 1)
    np.testing.assert_allclose(strips, expected, atol=1e-5)
    padded = View((21, 30), 21, 30, (28, 36))  # four pixels a number
    expected = torch.nn.functional.interpolate(torch.from_numpy(scores)[None], (28, 36), mode="bilinear")[0].numpy()
    np.testing.assert_allclose(padded.laid_back(scores), expected[:, :21, :30], atol=1e-5)
    strips = np.concatenate([padded.laid_back(scores, *rows) for rows in padded.strips(3, 31 * 3 * 4)], 1)
    np.testing.assert_allclose(strips, expected[:, :21, :30], atol=1e-5)


# ---------------------------------------------------------------- many, and files


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX file that tells three colours apart."""
    net = load_text(OPEN).net()
    path = save_onnx(net, tmp_path_factory.mktemp("model") / "colours.onnx", weights=weights_of(net))
    assert isinstance(path, Path)
    return path


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures of which some have equal stems, one in a folder, and one file that is none."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name in ("a.png", "a.bmp", "b.png", "more/a.png"):
        quarters(folder / name, 12, 16)
    (folder / "broken.png").write_text("no picture")
    return folder


def told(model: Path, *arguments: str) -> list[str]:
    size = ("--own-size", "--write", "masks,overlays,sheet")
    return ["predict", str(model), *arguments, "--data", "shapes(size=(12, 16))", *size]


def test_a_folder_is_read_and_kept_and_a_bad_file_is_named(
    model: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(told(model, "photos", "-o", "out", "--format", "json")) == 1
    said = capsys.readouterr()
    assert "broken.png: cannot be decoded" in said.err
    assert "1 of 5 samples could not be read" in said.err
    rows = json.loads(said.out)["predictions"]
    assert [r["sample"] for r in rows] == [
        f"photos/{n}" for n in ("a.bmp", "a.png", "b.png", "broken.png", "more/a.png")
    ]
    assert "error" in rows[3]
    files = [name for row in rows for name in row.get("files", ())]
    assert files[:2] == ["masks/a.bmp.png", "overlays/a.bmp.png"]
    assert "masks/more/a.png" in files
    assert all((Path("out") / name).is_file() for name in (*files, "sheet.png", "predictions.json"))
    mask = Image.open("out/masks/b.png")
    expected = quarters(photos / "b.png", 12, 16)
    np.testing.assert_array_equal(np.asarray(mask), expected)
    assert mask.getpalette()[:9] == voc_colours()[:3].ravel().tolist()


def test_what_is_not_ours_is_not_overwritten(model: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (Path("out") / "masks").mkdir(parents=True)
    mine = Path("out/masks/b.png")
    mine.write_text("mine")
    one = told(model, "photos/b.png", "-o", "out")
    with pytest.raises(WriteError, match="not of an earlier predict: --overwrite"):
        command(one)
    assert mine.read_text() == "mine"
    assert command([*one, "--overwrite"]) == 0
    assert command(one) == 0, "what we wrote we may write again"
    with pytest.raises(WriteError, match="the samples are read from"):
        command(told(model, "photos", "-o", "photos"))
    Path("plain").write_text("mine")
    with pytest.raises(WriteError, match="is a file"):
        command(told(model, "photos", "-o", "plain"))
    Path("photo.png").write_bytes((photos / "b.png").read_bytes())
    with pytest.raises(WriteError, match="no picture of ours"):
        command(["predict", str(model), "photos/a.png", "-o", "photo.png", "--data", "shapes(size=(12, 16))"])
    capsys.readouterr()


def test_a_table_has_a_line_for_each(model: Path, photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command([*told(model, "photos/?.png", "-o", "out"), "--format", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["sample"] for row in rows] == ["photos/a.png", "photos/b.png"]
    assert [(row["height"], row["disc"], row["triangle"]) for row in rows] == [("12", "0.25", "0.0")] * 2


def test_stems_do_not_collide() -> None:
    named = [("x/a.png", ""), ("y/a.png", ""), ("y/A.jpg", ""), ("p/q/c.png", "p"), ("c.png", ""), ("test-3", "")]
    found = stems(named)
    assert len({name.casefold() for name in found}) == len(named)
    assert found[3:] == ["q/c", "c", "test-3"]
    assert stems([("../../etc/x.png", ""), ("../up/y.png", "../up")]) == ["x", "y"]


def test_kinds_that_an_output_has_not() -> None:
    with pytest.raises(RunError, match="no masks of scores of classes: --write can be sheet, arrays, all"):
        chosen(OutputKind.SCORES, ["masks"])
    assert chosen(OutputKind.MASK, []) == ["masks", "overlays", "sheet"]
    assert chosen(OutputKind.NUMBERS, []) == ["arrays"]


def test_a_manifest_is_not_trusted(tmp_path: Path) -> None:
    """A folder is ours by what its list says of names that we write; whatever else it says is not read."""
    for content in (
        "[",
        '{"netdsl": 1}',
        '{"netdsl": "predict", "predictions": [], "files": ["../x", 3]}',
        "[" * 10**5,
    ):
        (tmp_path / "predictions.json").write_text(content)
        (tmp_path / "sheet.png").write_text("mine")
        with pytest.raises(WriteError, match=r"sheet\.png is there"):
            Folder(tmp_path, ["sheet"], ["a"], (np.zeros(1), np.ones(1)), False)


def test_samples_of_a_run_by_both_engines_and_together_or_apart(tmp_path: Path) -> None:
    from netdsl.runtime.train import train

    run = train(load_text(TRAINED, "n.net").net(), tmp_path / "run", device="cpu", quiet=True).folder
    apart = [predict(run, n, split="train") for n in range(4)]
    for engine in ("torch", "onnx"):
        together = list(predictions(run, ["0:4"], split="train", engine=engine))
        assert [p.name for p in together] == [f"train {n}" for n in range(4)]
        for one, many in zip(apart, together, strict=True):
            np.testing.assert_allclose(many.outputs["mask"], one.outputs["mask"], atol=1e-5)
            assert many.classes == ("background", "disc", "box", "triangle")
            assert many.sample is not None
            assert many.sample.shown is not None
            assert many.sample.shown.shape == (16, 16, 3)
    failed: list[str] = []
    found = list(
        predictions(run, [0, "none.png", 99, 1], split="train", failed=lambda name, error: failed.append(name))
    )
    assert (len(found), failed) == (2, ["none.png", "train 99"])
    with pytest.raises(DataError, match=r"none\.png: no such file"):
        list(predictions(run, [0, "none.png"]))
    array = np.zeros((3, 16, 16), np.float32)
    assert predict(run, array).mask is not None
    with pytest.raises(RunError, match="the array: an array"):
        predict(run, array[0])


# ---------------------------------------------------------------- colours of the data

STREETS = """net Streets {
  input image [3, 8, 8]
  output mask: conv(3, 1)
}
train Streets {
  data   masks("pictures", "masks", map="streets.tsv", shares=(80, 20, 0))
  loss   (mask, label) -> cross_entropy(ignore=255)
  epochs 1
  workers 0
}
"""
LABELS = "id\tname\tcolour\n0\troad\t128 64 128\n1\tcar\t0 0 142\n2\tsky\t-\n"


def streets(folder: Path) -> Path:
    """A run whose data has colours of its own for two of three classes."""
    (folder / "streets.net").write_text(STREETS)
    (folder / "streets.tsv").write_text(LABELS)
    for kind in ("pictures", "masks"):
        (folder / kind).mkdir()
        for i in range(5):
            Image.fromarray(np.full((8, 8), i % 3, np.uint8)).save(folder / kind / f"{i}.png")
    run = train(load_file(folder / "streets.net").net(), folder / "run", quiet=True, engine="onnx", device="cpu")
    return run.folder


def test_classes_have_the_colours_of_the_data(tmp_path: Path) -> None:
    """Those of its map, which weights and ONNX files keep; PASCAL VOC's for what has none; what is damaged is none."""
    run = streets(tmp_path)
    wanted = [[128, 64, 128], [0, 0, 142], [0, 128, 0]]
    found = predict(run, str(tmp_path / "pictures" / "0.png"), engine="onnx")
    assert found.palette.colours[:3].tolist() == wanted
    (tmp_path / "streets.tsv").unlink()
    assert (
        command(["predict", str(run), str(tmp_path / "pictures"), "-o", str(tmp_path / "out"), "--engine", "onnx"]) == 0
    )
    with Image.open(tmp_path / "out" / "masks" / "0.png") as image:
        assert np.array(image.getpalette()).reshape(-1, 3)[:3].tolist() == wanted
    line = ["compile", str(tmp_path / "streets.net"), "--to", "onnx", "-o", str(tmp_path / "s.onnx")]
    assert command([*line, "--weights", str(run / "weights.safetensors")]) == 0
    found = predict(tmp_path / "s.onnx", str(tmp_path / "pictures" / "0.png"))
    assert found.palette.colours[:3].tolist() == wanted
    for damaged in (7, [[1, 2]], [[1, 2, 256]], [[1, 2, True]], {"a": 1}, None):
        assert colours_kept(damaged) == ()
