"""Label maps: those that come along against facts of the data sets' own tools, and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from netdsl.base.errors import DataError
from netdsl.recipe.data.labelmaps import Ambiguous, parsed, read_map, shipped, shipped_names

CLASSES = {
    "ade20k": [150], "bdd100k": [19], "camvid": [11], "camvid32": [11, 31], "cityscapes": [7, 19], "coco_stuff": [171],
    "davis": [2], "deepglobe": [2], "idd": [7, 16, 26, 30], "idd_lite": [7], "mapillary": [65], "spacenet": [2], "synthia": [22],
    "voc": [21],
}  # fmt: skip


def test_maps_have_the_classes_of_their_data_sets() -> None:
    assert {name: [len(level) for level in shipped(name).levels] for name in shipped_names()} == CLASSES


def test_each_map_says_where_it_is_from() -> None:
    from netdsl.recipe.data.labelmaps import FOLDER

    for name in shipped_names():
        head = "".join(line for line in (FOLDER / f"{name}.tsv").read_text("utf-8").splitlines() if line[0] == "#")
        assert "https://github.com/" in head, name
        assert "commit " in head, name


def test_cityscapes_has_the_train_ids_of_its_scripts() -> None:
    """Ids 7, 8, 11 … 33 are 0 to 18 (cityscapesScripts, helpers/labels.py)."""
    ids = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
    found = shipped("cityscapes").by_number(1)
    assert {number: own for number, own in found.items() if own is not None} == {n: i for i, n in enumerate(ids)}
    assert shipped("cityscapes").palette(1)[13] == (0, 0, 142)
    assert shipped("cityscapes").by_colour(1)[0, 0, 142] == Ambiguous("car", "license plate")


def test_idd_goes_from_level_3_to_2_and_1_as_its_scores_do() -> None:
    """The tables of AutoNUE's evaluate_mIoU.py."""
    found = shipped("idd")
    two = [0, 1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 8, 8, 9, 9, 10, 10, 11, 11, 11, 12, 12, 13, 13, 14, 15]
    one = [0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5, 5, 6]
    assert found.by_number(1, 2) == {255: None, **dict(enumerate(two))}
    assert found.by_number(0, 1) == {255: None, **dict(enumerate(one))}
    with pytest.raises(DataError, match="level 4 does not decide level 3: its class 3 holds `sidewalk`"):
        found.by_number(2, 3)


def test_levels_are_numbered_by_names_or_numbers() -> None:
    named = parsed("id\tname\tcoarse\tfine\n5\ta\tx\tp\n6\tb\ty\tq\n7\tc\tx\tr\n9\tv\t-\t-\n", "m")
    assert named.levels == (("x", "y"), ("p", "q", "r"))
    assert named.by_number(0) == {5: 0, 6: 1, 7: 0, 9: None}
    assert named.groups(1) == ("x", "y", "x")
    numbered = parsed("id\tname\ttrain\n5\ta\t1\n6\tb\t0\n7\tc\t1\n8\tv\t-\n", "m")
    assert numbered.levels == (("b", "a / c"),)
    assert numbered.by_number(0) == {5: 1, 6: 0, 7: 1, 8: None}
    ranged = parsed("# two halves\nid\tname\n0-1\tdark\n2-3\tlight\n", "m")
    assert ranged.by_number(0) == {0: 0, 1: 0, 2: 1, 3: 1}


WRONG = {
    "": r"^m: no label map",
    "id\tname\n": r"^m: a label map without labels",
    "name\tclass\na\tb\n": r"^m: line 1: a map needs a column `id` or `colour`, but has name, class",
    "id\n3\n": r"^m: line 1: a map needs a column that says the classes",
    "id\tid\n3\t4\n": r"^m: line 1: a head names each column once",
    "id\tname\n3\n": r"^m: line 2: has 1 columns, but the head has 2 \(id, name\)",
    "id\tname\n3\t \n": r"^m: line 2: nothing stands in `name`: write `-`",
    "id\tname\nx\ta\n": r"^m: line 2: `id` is `x`, but takes a whole number from 0 to 65,535",
    "id\tname\n70000\ta\n": r"^m: line 2: `id` is `70000`",
    "id\tname\n9-3\ta\n": r"^m: line 2: `id` is `9-3`, which goes from more to less",
    "id\tname\n1-5\ta\n# none\n5\tb\n": r"^m: the id 5 stands for `a` and for `b`",
    "id\tname\tcolour\n1\ta\t1 2\n": r"^m: line 2: `colour` is `1 2`, but takes red, green and blue",
    "id\tname\tcolour\n1\ta\t1 2 256\n": r"^m: line 2: `colour` is `256`, but takes a whole number from 0 to 255",
    "id\tname\tc\n1\ta\t0\n2\tb\t2\n": r"^m: `c` has 2 classes, but none is 1: count them from 0, without gaps",
    "id\tname\tc\n1\ta\t-\n": r"^m: no label counts at `c`",
    f"id\tname\n1\t{'a' * 101}\n": r"^m: line 2: `name` has more than 100 letters",
    "id\t" + "\t".join(f"c{i}" for i in range(17)) + "\n": r"^m: line 1: 17 levels; more than 16 are not read",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_map_is_told_with_its_line(text: str) -> None:
    with pytest.raises(DataError, match=WRONG[text]):
        parsed(text, "m")


def test_files_that_are_no_maps_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_bytes(b"id\tname\n1\t\xff\n")
    (tmp_path / "long.tsv").write_bytes(b"#" * 2_000_000)
    for name, said in (
        ("a", "not a text in UTF-8"),
        ("long", "of more than 1,000,000 bytes"),
        ("none", "cannot be read"),
    ):
        with pytest.raises(DataError, match=rf"{name}\.tsv: .*{said}"):
            read_map(tmp_path / f"{name}.tsv")
