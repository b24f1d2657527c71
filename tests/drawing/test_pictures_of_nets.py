"""Pictures of nets: what they hold, that nothing lies on anything else, and the command that writes them."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from geometry import SVG, faults, groups
from PIL import Image

import netdsl
from netdsl.analyzer import analyze
from netdsl.base.errors import RunError
from netdsl.cli import attempt
from netdsl.drawing import draw
from netdsl.drawing.boxes import LINE, TITLE
from netdsl.drawing.labels import headed, overlap, segments
from netdsl.drawing.letters import width
from netdsl.drawing.picture import Diagram
from netdsl.drawing.places import Rect
from netdsl.drawing.sketch import TooManyBoxes
from netdsl.drawing.u_shape import NoU
from netdsl.drawing.unrolled import NotRecurrent
from netdsl.program import load_file

ROOT = Path(__file__).parents[2]
SAMPLE: dict[str, tuple[str, dict[str, int]]] = {
    "LeNet": ("lenet", {}),
    "ResNet50": ("resnet", {"depth": 2}),
    "GoogLeNet": ("googlenet", {"depth": 3}),
    "UNet": ("unet", {}),
    "SwinT": ("swin", {"depth": 2}),
    "CharRNN": ("char_rnn", {}),
    "BERT": ("bert", {}),
    "LinkNet34MTL": ("roads", {}),
    "Seq2Seq": ("translate", {"depth": 3}),
    "PolygonRNN": ("polygon_rnn", {"depth": 3, "expand": True}),
}


def drawn(name: str, file: str, **more: Any) -> Diagram:
    net = netdsl.load(ROOT / f"specs/{file}.net", name)
    return draw(net, analyze(net), **more)


@pytest.mark.parametrize("name", SAMPLE)
def test_nothing_lies_on_anything_else(name: str) -> None:
    file, options = SAMPLE[name]
    picture = drawn(name, file, **options)
    assert len(picture.boxes) > 5
    assert list(faults(picture)) == []
    assert len(groups(picture.svg())) == len(picture.boxes)


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted((ROOT / "specs").glob("*.net")), ids=lambda path: path.stem)
def test_every_net_can_be_drawn(file: Path) -> None:
    """At any depth, and as a U or in steps where it has them."""
    program = load_file(file)
    for name in program.names:
        net = program.net(name, trained=False)
        found = analyze(net)
        ways: list[dict[str, Any]] = [{}, {"depth": 1}, {"depth": 2}, {"depth": 3, "expand": True}]
        for way in [*ways, {"style": "u"}, {"style": "u", "depth": 2}, {"unroll": 3}]:
            with suppress(TooManyBoxes, NoU, NotRecurrent):
                picture = draw(net, found, **way)
                assert (name, way, list(faults(picture))) == (name, way, [])
                assert len(groups(picture.svg())) == len(picture.boxes)


def test_every_row_is_in_one_box() -> None:
    net = netdsl.load(ROOT / "specs/resnet.net", "ResNet18")
    found = analyze(net)
    picture = draw(net, found, depth=9, expand=True)
    told = [path for box in picture.boxes for path in box.paths if box.kind not in ("input", "output")]
    assert sorted(told) == sorted(row.path for row in found.rows)


def test_equal_blocks_are_drawn_once() -> None:
    boxes = {box.path: box for box in drawn("ResNet50", "resnet", depth=1).boxes}
    assert (boxes["stage2.bottleneck2"].copies, boxes["stage2.bottleneck2"].title) == (3, "bottleneck(128)")
    assert "stage2.bottleneck3" not in boxes
    assert boxes["stage2.bottleneck2"].paths == tuple(f"stage2.bottleneck{n}" for n in (2, 3, 4))
    assert "stage2.bottleneck3" in {b.path for b in drawn("ResNet50", "resnet", depth=1, expand=True).boxes}


def test_small_layers_stand_in_the_box_of_the_one_before() -> None:
    boxes = {box.path: box for box in drawn("LeNet", "lenet").boxes}
    assert boxes["conv1"].paths == ("conv1", "conv1.relu")
    assert boxes["fc1"].paths == ("fc1.flatten", "fc1", "fc1.relu")
    assert boxes["fc1"].lines == ("flatten · relu", "fc1")


def test_boxes_are_as_wide_as_their_channels_and_shaded_by_their_cost() -> None:
    boxes = {box.path: box for box in drawn("UNet", "unet").boxes}
    widths = [boxes[path].rect.width for path in ("d1", "d2", "d3", "d4", "d5")]
    assert widths == sorted(widths)
    assert {b - a for a, b in pairwise(widths)} <= {12, 14}, "each doubling adds the same"
    assert (boxes["u4"].heat, boxes["d2.maxpool"].heat) == (5, 0)


def test_shapes_stand_on_the_arrows() -> None:
    picture = drawn("LeNet", "lenet")
    assert [a.text for a in picture.arrows] == [
        "1×28×28", "6×28×28", "6×14×14", "16×10×10", "16×5×5", "120", "84", "10",
    ]  # fmt: skip


def test_a_recurrent_block_has_its_way_back() -> None:
    folded = drawn("CharRNN", "char_rnn", depth=1)
    opened = drawn("CharRNN", "char_rnn", depth=2)
    assert [(a.source, a.target) for a in folded.arrows if a.kind == "back"] == [("box-cell", "box-cell")]
    assert [(a.source, a.target) for a in opened.arrows if a.kind == "back"] == [("box-cell.h.add1", "state-cell.h")]


def test_a_group_says_what_its_row_says() -> None:
    group = groups(drawn("LeNet", "lenet").svg())["box-conv1"]
    assert group.attrib["data-path"] == "conv1"
    assert group.attrib["data-paths"] == "conv1 conv1.relu"
    title = group.find(f"{SVG}title")
    assert title is not None
    assert title.text == (
        "conv1: conv(6, 5, pad=2) · [1, 28, 28] → [6, 28, 28] · 156 parameters · 117,600 MACs\n"
        "conv1.relu: relu · [6, 28, 28] → [6, 28, 28]"
    )


FRAMED = [
    ("resnet", "ResNet50", {"depth": 2}),
    ("roads", "LinkNet34MTL", {"depth": 2}),
    ("googlenet", "GoogLeNet", {"depth": 3}),
    ("resnet", "ResNet18", {"depth": 2}),
]


@pytest.mark.parametrize(("file", "name", "options"), FRAMED, ids=lambda part: part if isinstance(part, str) else "")
def test_no_arrow_goes_through_what_stands_in_the_head_of_a_frame(
    file: str, name: str, options: dict[str, Any]
) -> None:
    picture = drawn(name, file, **options)
    frames = [box for box in picture.boxes if box.opened]
    assert frames
    for box in frames:
        head = headed(box, picture.arrows)
        wide = width(head.title, TITLE, bold=True)
        texts = [(head.start, head.start + wide), (head.end - width(head.name, LINE), head.end)]
        for piece in (piece for arrow in picture.arrows for piece in segments(arrow.points)):
            for left, right in texts:
                assert not overlap(piece, Rect(left, box.rect.y + 4, right - left, 14)), (box.path, box.title)


def test_frames_end_below_what_is_in_them() -> None:
    picture = drawn("ResNet50", "resnet", depth=2)
    for box in (box for box in picture.boxes if box.opened):
        low = max(inner.rect.bottom for inner in picture.boxes if inner.parent == box.path)
        assert low < box.rect.bottom <= low + 20, box.path


def test_skips_of_a_unet_lead_straight_across() -> None:
    picture = drawn("UNetSame", "unet", style="u", depth=2)
    skips = [arrow for arrow in picture.arrows if "concat" in arrow.target and arrow.source.startswith("box-d")]
    assert len(skips) == 4
    assert all(len({y for _, y in arrow.points}) == 1 for arrow in skips)
    titles = [box.title for box in picture.boxes if "up-conv" in box.title]
    assert titles == [f"up-conv 2×2, {n}, ×2" for n in (64, 128, 256, 512)]


def test_shades_have_a_legend() -> None:
    assert "MACs: few" in drawn("LeNet", "lenet").svg()
    net = netdsl.load_text("net N {\n  input x [4]\n  output y: relu\n}")
    assert "legend" not in netdsl.draw(net).svg()


def test_texts_of_a_file_stay_texts() -> None:
    net = netdsl.load_text("net N {\n input x [4, 8, 8]\n output y: x -> conv(4, 1)\n}", name="<script>&.net")
    found = analyze(net)
    object.__setattr__(found.rows[0], "settings", "</title><script>\x00\"'&")
    svg = draw(net, found).svg()
    assert "<script" not in svg
    assert "\x00" not in svg
    assert len(groups(svg)) == 3


def test_a_chain_of_a_thousand_equal_blocks_is_one_box() -> None:
    text = "block unit(c) {\n input x [c, H, W]\n y: conv(c, 3, pad=1) -> relu\n y + x\n}\n"
    net = netdsl.load_text(text + "net Deep {\n input x [8, 16, 16]\n " + "unit(8) -> " * 999 + "unit(8)\n}")
    picture = draw(net, analyze(net), depth=2)
    assert [b.copies for b in picture.boxes if b.opened] == [1000]


def test_a_chain_of_a_thousand_equal_layers_is_one_box() -> None:
    rows = "for i in range(1000) { conv(8, 3, pad=1) -> relu }"
    net = netdsl.load_text("net Deep {\n input x [8, 16, 16]\n " + rows + "\n output y: flatten -> linear(3)\n}")
    found = analyze(net)
    picture = draw(net, found)
    box = next(b for b in picture.boxes if b.copies > 1)
    assert (box.copies, box.lines, len(picture.boxes), len(picture.arrows)) == (
        1000,
        ("8 channels", "relu", "conv1…1000"),
        4,
        3,
    )
    assert sorted(path for b in picture.boxes for path in b.paths if b.kind == "layer") == sorted(
        r.path for r in found.rows
    )
    assert len(drawn("VGG19", "vgg").boxes) > 20, "four equal ones in a row are drawn as in the paper"


def test_a_picture_that_nobody_could_read_is_refused() -> None:
    rows = "\n".join(f" conv({8 + i % 7}, 3, pad=1)" for i in range(700))
    net = netdsl.load_text("net Long {\n input x [8, 16, 16]\n" + rows + "\n}")
    with pytest.raises(TooManyBoxes, match="more than 600 boxes"):
        draw(net, analyze(net))


# ---------------------------------------------------------------- a U


def test_a_unet_is_a_u() -> None:
    picture = drawn("UNet", "unet", style="u")
    rects = {box.path: box.rect for box in picture.boxes}
    down, up = [rects[f"d{n}"] for n in range(1, 5)], [rects[f"u{n}"] for n in range(1, 5)]
    assert [r.y for r in down] == sorted(r.y for r in down)
    assert [r.y for r in up] == sorted(r.y for r in up)
    assert max(r.right for r in down) < rects["d5"].x < rects["d5"].right < min(r.x for r in up)
    assert rects["d5"].y > max(r.bottom for r in up)
    skips = [a for a in picture.arrows if a.source in {f"box-d{n}" for n in range(1, 5)} and "box-u" in a.target]
    assert len(skips) == 4
    assert all(a.points[0][1] == a.points[-1][1] for a in skips), "straight across"
    assert list(faults(picture)) == []


@pytest.mark.parametrize(
    ("file", "name", "options", "says"),
    [
        (
            "lenet",
            "LeNet",
            {"style": "u"},
            "this net has not the shape of a U: its resolution does not fall and rise again",
        ),
        (
            "roads",
            "StackedHourglass",
            {"style": "u", "depth": 2},
            "this net has not the shape of a U at this depth: `x.widen1.skip` stands",
        ),
        ("lenet", "LeNet", {"unroll": 3}, "LeNet has no recurrent block and no rnn, lstm or gru"),
        ("char_rnn", "CharRNN", {"unroll": 13}, "13 steps cannot be unrolled: a picture shows 12 at most"),
        ("char_rnn", "Hello", {"unroll": 5}, "5 steps cannot be unrolled: `cell` runs 4 steps"),
    ],
)
def test_what_a_net_is_not(file: str, name: str, options: dict[str, Any], says: str) -> None:
    with pytest.raises(RunError, match=re.escape(says)):
        drawn(name, file, **options)


@pytest.mark.parametrize("options", [{"style": "v"}, {"depth": 0}, {"unroll": 0}])
def test_what_no_picture_has(options: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"no style is called `v`: there are layers, u|`(depth|unroll)` is 1 or more, not 0"
    ):
        drawn("CharRNN", "char_rnn", **options)


# ---------------------------------------------------------------- steps


def test_steps_stand_side_by_side() -> None:
    picture = drawn("CharRNN", "char_rnn", unroll=4)
    rects = {box.path: box.rect for box in picture.boxes}
    steps = range(1, 5)
    for step in steps:
        x, cell, y = (rects[f"{name}@{step}"] for name in ("tokens", "cell", "logits"))
        assert x.y > cell.bottom > cell.y > y.bottom
    assert [rects[f"cell@{step}"].x for step in steps] == sorted(rects[f"cell@{step}"].x for step in steps)
    carried = [(a.source, a.target, a.text) for a in picture.arrows if a.kind == "back"]
    assert carried[:3] == [
        (f"box-cell@{n}".replace("@", "-"), f"box-cell@{n + 1}".replace("@", "-"), "h") for n in (1, 2, 3)
    ]


SEQUENCE = "net N(steps = 20) {{\n  input x [{}, 8]\n  h: lstm(16)\n  output y: last -> linear(4)\n}}"


@pytest.mark.parametrize(
    ("length", "steps", "titles", "carried"),
    [
        ("steps", 3, ["x₁", "x₂", "x₃", "x₂₀"], ["h, c", "h, c", "h, c …"]),
        ("T = 9", 2, ["x₁", "x₂", "x_T"], ["h, c", "h, c …"]),
        ("4", 3, ["x₁", "x₂", "x₃", "x₄"], ["h, c", "h, c", "h, c"]),
        ("3", 3, ["x₁", "x₂", "x₃"], ["h, c", "h, c"]),
    ],
)
def test_the_last_step_stands_behind_those_that_are_left_out(
    length: str, steps: int, titles: list[str], carried: list[str]
) -> None:
    net = netdsl.load_text(SEQUENCE.format(length))
    picture = netdsl.draw(net, unroll=steps)
    assert [box.title for box in picture.boxes if box.kind == "input"] == titles
    assert [arrow.text for arrow in picture.arrows if arrow.kind == "back"] == carried
    (read,) = [arrow.source for arrow in picture.arrows if arrow.target == "box-y.last"]
    cells = [box.path for box in picture.boxes if box.title == "lstm(16)"]
    assert read == f"box-{cells[-1]}".replace("@", "-")
    assert list(faults(picture)) == []


def test_what_of_a_title_has_no_room_stands_below_it() -> None:
    rows = "conv(16, 3, pad=1, groups=4) -> relu\n  conv(4, 5, groups=4, dilation=2)\n  conv_transpose(4, 2, stride=2, groups=2)"
    picture = netdsl.draw(netdsl.load_text(f"net N {{\n  input x [16, 32, 32]\n  {rows}\n}}"))
    boxes = [(box.title, *box.lines) for box in picture.boxes if box.kind == "layer"]
    assert boxes == [
        ("conv 3×3, 16", "4 groups", "relu", "conv1"),
        ("conv 5×5, 4", "dilated 2, 4 groups", "conv2"),
        ("up-conv 2×2, 4", "×2, 2 groups", "conv_transpose1"),
    ]


def test_what_reads_all_steps_has_an_arrow_from_each() -> None:
    picture = drawn("LRCN", "video_labels", unroll=3)
    assert [a.source for a in picture.arrows if a.target == "box-film"] == [f"box-logits-{n}" for n in (1, 2, 3, 16)]
    assert [a.text for a in picture.arrows if a.source == "input-video-1"] == ["3×227×227"]
    assert list(faults(picture)) == []


def test_a_decoder_stands_behind_its_encoder() -> None:
    picture = drawn("Seq2Seq", "translate", unroll=3)
    rects = {box.path: box.rect for box in picture.boxes}
    assert rects["encoder"].right < rects["decoder@1"].x < rects["decoder@3"].x
    assert ("box-encoder", "box-decoder-1") in {(a.source, a.target) for a in picture.arrows}
    assert list(faults(picture)) == []


# ---------------------------------------------------------------- files


def test_a_png_shows_letters_and_boxes(tmp_path: Path) -> None:
    picture = drawn("LeNet", "lenet")
    (tmp_path / "x.png").write_bytes(picture.png(scale=1))
    with Image.open(tmp_path / "x.png") as image:
        assert image.size == (round(picture.width), round(picture.height))
        box = next(b.rect for b in picture.boxes if b.path == "conv2")
        inside = image.convert("RGB").crop((int(box.x) + 4, int(box.y) + 4, int(box.right) - 4, int(box.bottom) - 4))
    colours = sorted(inside.getcolors(100_000), reverse=True)
    assert colours[0][1] == (0xFB, 0x9A, 0x55), "the shade of the costliest"
    assert min(sum(colour) for _, colour in colours) < 200, "letters"


# ---------------------------------------------------------------- the command


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = attempt([str(a) for a in arguments])
    return code, *capsys.readouterr()


def test_a_file_is_written_by_its_ending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for ending, start in ((".svg", b"<svg "), (".png", b"\x89PNG")):
        path = tmp_path / f"lenet{ending}"
        for _ in range(2):  # a picture of ours is replaced
            assert said(capsys, "draw", ROOT / "specs/lenet.net", "-o", path)[0] == 0
        assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["other.svg", "other.png"])
def test_other_files_are_left_alone(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text("work")
    code, _, err = said(capsys, "draw", ROOT / "specs/lenet.net", "-o", tmp_path / name)
    assert code == 1
    assert "is there, and no picture by netdsl" in err
    assert (tmp_path / name).read_text() == "work"


def test_other_endings_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        said(capsys, "draw", ROOT / "specs/lenet.net", "-o", tmp_path / "x.jpg")
    assert ended.value.code == 2
    assert "kept in an .svg or .png file" in capsys.readouterr().err


def test_a_picture_is_the_same_in_every_process() -> None:
    command = [sys.executable, "-m", "netdsl", "draw", "specs/unet.net"]
    runs = [
        subprocess.run(command, cwd=ROOT, capture_output=True, env={"PYTHONHASHSEED": seed}, check=True).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]
