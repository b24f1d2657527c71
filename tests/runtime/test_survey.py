"""What a data set is said to hold, against numbers counted here, and what is drawn of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data_files import cifar_files, mnist_files, photographs
from mask_layouts import HIGH, LAYOUTS, WIDE, mask, picture
from PIL import Image

import netdsl
from netdsl.base.errors import DataError, RunError
from netdsl.cli.app import run as command
from netdsl.recipe.data.base import PublishedFile
from netdsl.recipe.data.images import Mnist
from netdsl.runtime.datasets import digits
from netdsl.runtime.survey.bars import draw_bars, positions
from netdsl.runtime.survey.found import FoundFile, SplitCount, Survey, sizes_of, spread
from netdsl.runtime.survey.samples import write_samples
from netdsl.text.diagnostics import NetError

NET = "net N {{\n  input image [3, 4, 4]\n  output y: conv({}, 1)\n}}\ntrain N {{\n  data {}\n  loss (y, label) -> {}\n}}\n"


def test_every_digit_is_counted() -> None:
    found = netdsl.survey("digits")
    _, labels = digits.read()
    total = np.sum([split.counts for split in found.splits.values()], axis=0)
    np.testing.assert_array_equal(total, np.bincount(labels))
    assert (found.unit, found.fields, found.sizes.pictures) == (
        "samples",
        {"image": "[1, 8, 8]", "label": "int[]"},
        1797,
    )


def test_pixels_are_those_of_the_stored_masks(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    whole = np.zeros(256, np.int64)
    for i, size in enumerate(((4, 6), (10, 3), (5, 5), (8, 8), (2, 9))):
        numbers = generator.choice([0, 1, 2, 255], size).astype(np.uint8)
        whole += np.bincount(numbers.reshape(-1), minlength=256)
        for kind in ("p", "m"):
            (tmp_path / kind).mkdir(exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (*size, 3)).astype(np.uint8)).save(tmp_path / "p" / f"{i}.png")
        Image.fromarray(numbers).save(tmp_path / "m" / f"{i}.png")
    data = f'masks("{tmp_path}/p", "{tmp_path}/m", classes=3, ignore=255, shares=(3, 1, 1))'
    (tmp_path / "n.net").write_text(NET.format(3, data, "cross_entropy(ignore=255)"))
    for found in (netdsl.survey(data), netdsl.survey(netdsl.load(tmp_path / "n.net"))):
        assert np.sum([s.counts for s in found.splits.values()], axis=0).tolist() == whole[:3].tolist()
        assert sum(s.spared for s in found.splits.values()) == whole[255]
        assert [s.samples for s in found.splits.values()] == [3, 1, 1]
        sizes = found.sizes
        assert (sizes.smallest, sizes.median, sizes.largest) == ((2, 9), (5, 5), (8, 8))
    assert found.fields == {"image": "[3, 4, 4]", "label": "int[4, 4]"}


def test_samples_of_folders_are_counted_by_class(tmp_path: Path) -> None:
    photographs(tmp_path)
    found = netdsl.survey(f'imagefolder("{tmp_path}")')
    assert [split.counts for split in found.splits.values()] == [[1, 1, 1, 1]] * 3
    assert found.sizes.smallest == (13, 22)
    assert found.sizes.largest == (22, 13)  # held sideways


def test_characters_are_counted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab" * 500)
    found = netdsl.survey(f'text("{tmp_path}/a.txt", length=10)')
    assert (found.classes, found.unit, found.sizes) == (("a", "b"), "labels", None)
    assert found.splits["train"].counts == [400, 400] or sum(found.splits["train"].counts) >= 790


def test_files_that_are_always_the_same_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mnist_files(tmp_path)
    name = "train-images-idx3-ubyte"
    packed = gzip.compress((tmp_path / name).read_bytes(), mtime=0)
    (tmp_path / f"{name}.gz").write_bytes(packed)
    (tmp_path / name).unlink()
    states = [file.state for file in netdsl.survey(f'mnist("{tmp_path}")').files]
    assert states == [
        "there, packed otherwise than it is published",
        *("there, but of " + n + " bytes" for n in ("28", "2,368", "11")),
    ]
    import hashlib

    own = PublishedFile(name, 15_696, len(packed), hashlib.md5(packed).hexdigest())
    monkeypatch.setattr(Mnist, "published", (own, *Mnist.published[1:]))
    assert netdsl.survey(f'mnist("{tmp_path}")').files[0].state == "there, packed as published"


# ---------------------------------------------------------------- the command


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert command(["data", *arguments]) == 0
    return capsys.readouterr().out


def test_the_command_prints_classes_in_their_groups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    LAYOUTS["cityscapes"][0](tmp_path)
    text = said(capsys, f'cityscapes("{tmp_path}")')
    pixels = HIGH * WIDE
    assert "fields    image [3, H, W], label int[H, W]" in text
    assert f"train             2      {2 * pixels * 6 // 8}           {2 * pixels * 2 // 8}" in text
    assert [line.split()[0] for line in text.splitlines() if line[:1].isalpha()][7:] == [
        "flat", "construction", "object", "nature", "sky", "human", "vehicle",
    ]  # fmt: skip
    document = json.loads(said(capsys, f'cityscapes("{tmp_path}")', "--format", "json"))
    assert document["splits"]["train"]["classes"]["car"] == 2 * HIGH * 3
    assert document["groups"]["car"] == "vehicle"


def test_missing_files_are_told_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for data, told in (
        (f'mnist("{tmp_path}")', "f68b3c2dcbeaaa9fbdd348bbdeb94873  missing"),
        (f'cifar10("{tmp_path}")', "c32a1d4ab5d03f1284b67883e8d87530"),
    ):
        with pytest.raises(DataError, match="no such file"):
            command(["data", data])
        assert told in capsys.readouterr().out


def test_a_wrong_spec_is_shown_where_it_is_wrong() -> None:
    with pytest.raises(netdsl.NetError, match="there is no data called `digit`"):
        command(["data", "digit"])


def test_options_that_do_not_go_together(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, told in (
        (["digits", "--samples", "4"], "say where to"),
        (["digits", "-o", "bars.pdf"], "kept in a .png file"),
        (["digits", "--net", "N"], "choose in a `.net` file"),
    ):
        with pytest.raises(SystemExit):
            command(["data", *arguments])
        assert told in capsys.readouterr().err


# ---------------------------------------------------------------- pictures


def survey_of(classes: int, **more: Any) -> Survey:
    counts = [10**n % 99_991 for n in range(classes)]
    return Survey(tuple(f"class {n}" for n in range(classes)), "pixels", {"train": SplitCount(9, counts)}, **more)


def test_bars_stand_in_groups(tmp_path: Path) -> None:
    assert positions(["a", "a", "b", "b", "c"]) == pytest.approx([0, 1, 2.6, 3.6, 5.2])
    assert positions(["", "", ""]) == [0, 1, 2]
    draw_bars(tmp_path / "bars.png", survey_of(30, groups=("a",) * 10 + ("b",) * 20))
    wide, high = Image.open(tmp_path / "bars.png").size
    assert wide > 1.5 * high
    with pytest.raises(RunError, match="nothing of this data is counted"):
        draw_bars(tmp_path / "none.png", Survey((), "", {"train": SplitCount(5)}))
    with pytest.raises(RunError, match="1,000 classes are too many for a picture"):
        draw_bars(tmp_path / "none.png", survey_of(1000))
    assert not (tmp_path / "none.png").exists()


def test_bars_have_names_that_are_no_mathematics(tmp_path: Path) -> None:
    names = (r"in $\bad$", "of $5", "_^{")
    draw_bars(tmp_path / "bars.png", Survey(names, "samples", {"train": SplitCount(9, [2, 3, 4])}, groups=names))
    assert (tmp_path / "bars.png").exists()


def test_bars_have_the_colours_of_a_label_map(tmp_path: Path) -> None:
    draw_bars(tmp_path / "bars.png", survey_of(2, colours=((12, 200, 77), None)))
    pixels = np.asarray(Image.open(tmp_path / "bars.png").convert("RGB")).reshape(-1, 3)
    assert (pixels == (12, 200, 77)).all(axis=1).sum() > 1000


def test_a_sheet_shows_pictures_with_their_masks(tmp_path: Path) -> None:
    for i in range(5):
        picture(tmp_path / "p" / f"{i}.png", i)
        mask(tmp_path / "m" / f"{i}.png", 1)
    (tmp_path / "map.tsv").write_text("id\tname\tcolour\n0\ta\t-\n1\tb\t250 10 200\n")
    data = f'masks("{tmp_path}/p", "{tmp_path}/m", map="{tmp_path}/map.tsv", shares=(1, 0, 0))'
    assert write_samples(tmp_path / "sheet.png", data, 9, "train") == 5
    sheet = np.asarray(Image.open(tmp_path / "sheet.png")).astype(float)
    stored = np.asarray(Image.open(tmp_path / "p" / "1.png")).astype(float)
    laid = (stored + np.array([250, 10, 200])) / 2  # half and half
    for shown in (stored, laid):
        near = [np.abs(sheet - pixel).max(axis=-1).min() for pixel in shown.reshape(-1, 3)]
        assert max(near) <= 1
    with pytest.raises(RunError, match="no samples in its test split"):
        write_samples(tmp_path / "none.png", data, 3, "test")
    assert not (tmp_path / "none.png").exists()


def test_a_sheet_with_a_long_strip_is_no_larger_than_its_room(tmp_path: Path) -> None:
    """A strip of 5,000×1 pixels once asked for 400,000 pixels of a side, for each of the others too."""
    for number, size in enumerate([(5000, 1), (1, 5000), *[(8, 8)] * 6]):
        place = tmp_path / "p" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(place)
    write_samples(tmp_path / "a.png", f'imagefolder("{tmp_path}/p", validation=0, test=0)', 8, "train")
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width * sheet.height * 3 < 2**27


def test_masks_that_do_not_fit_their_pictures_are_no_pixels(tmp_path: Path) -> None:
    picture(tmp_path / "p" / "a.png")
    mask(tmp_path / "m" / "a.png", 0, 1)
    with Image.open(tmp_path / "m" / "a.png") as image:
        image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "m" / "a.png")
    with pytest.raises(DataError, match=r"m/a.png: a mask of 8×6 pixels, but its picture .*p/a.png has 6×8"):
        netdsl.survey(f'masks("{tmp_path}/p", "{tmp_path}/m", classes=2, shares=(1, 0, 0))')


def test_a_sheet_shows_pictures_as_they_were_before_they_were_normalised(tmp_path: Path) -> None:
    cifar_files(tmp_path)
    for n, more in enumerate(("", ", mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4)")):
        write_samples(tmp_path / f"{n}.png", f'cifar10("{tmp_path}"{more})', 3, "test")
    plain, moved = (np.asarray(Image.open(tmp_path / f"{n}.png")).astype(int) for n in range(2))
    assert np.abs(plain - moved).max() <= 1
    assert plain.std() > 20


def test_samples_are_spread_over_a_split() -> None:
    assert spread(100, 3) == [0, 50, 99] or spread(100, 3) == [0, 49, 99]
    assert spread(2, 5) == [0, 1]
    assert spread(0, 5) == []
    assert sizes_of([]) is None
    assert FoundFile("a", 1, 0, "", "there").state == "there"


def test_what_has_no_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("ab" * 500)
    with pytest.raises(RunError, match="`text` has no pictures to look at"):
        write_samples(tmp_path / "sheet.png", f'text("{tmp_path}/a.txt")', 4, "train")


@pytest.mark.parametrize(
    ("words", "says"),
    [("roads(mean=[0.1, 0.2])", "for each of the 3 channels"),
     ("shape_patches(side=10, size=11)", "say `side=22`"),
     ("shapes(figures=1000000000)", "`figures` is at most 64")],
)  # fmt: skip
def test_what_a_set_cannot_be_is_refused_with_a_way_out(words: str, says: str) -> None:
    with pytest.raises((RunError, NetError)) as caught:
        netdsl.survey(words)
    assert says in str(caught.value)
