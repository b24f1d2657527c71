"""The pictures of the zoo: which nets have one, of which net and recipe it is, and how `make zoo` goes on."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from netdsl.program import load_text
from netdsl.reference.shown import FILE, UNDRAWN, LessonShown, read_shown, written
from netdsl.zoo.__main__ import main
from netdsl.zoo.gallery import LARGEST, write_small
from netdsl.zoo.lessons import BESIDES, SETTINGS, Lesson, lessons
from netdsl.zoo.training import MEMBERS, PARENTS, digest

ROOT = Path(__file__).parents[2]
ZOO = ROOT / "docs" / "zoo"
SHOWN = read_shown(ZOO)


@cache
def known() -> dict[str, Lesson]:
    """Every lesson of the specs, by name."""
    return {lesson.name: lesson for lesson in lessons(ROOT / "specs")}


def test_every_lesson_is_shown() -> None:
    assert set(SHOWN) <= set(known())
    assert set(known()) - set(SHOWN) == set(UNDRAWN)
    assert {name for name, one in SHOWN.items() if not one.picture and not one.lines} == set()


def test_every_picture_is_of_a_lesson_and_small() -> None:
    sizes = {path.stem: path.stat().st_size for path in ZOO.glob("*.png")}
    assert set(sizes) == {name for name, one in SHOWN.items() if one.picture}
    assert {name for name, size in sizes.items() if size > LARGEST} == set()
    assert sum(sizes.values()) < 2_000_000


def test_the_page_shows_every_picture() -> None:
    page = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    assert [name for name, one in SHOWN.items() if one.picture and f"(zoo/{name}.png)" not in page] == []
    assert [name for name, one in SHOWN.items() if f"`{one.command}`" not in page] == []


def test_what_is_said_of_lessons_is_of_lessons() -> None:
    nets = {lesson.net for lesson in known().values()}
    assert set(SETTINGS) | set(PARENTS) | set(PARENTS.values()) <= set(known())
    assert set(MEMBERS) | {name for name, _ in MEMBERS.values()} <= set(known())
    assert set(BESIDES) <= nets


@pytest.mark.sampled(12)
@pytest.mark.parametrize("name", SHOWN)
def test_a_picture_is_of_the_net_and_recipe_as_they_are(name: str) -> None:
    """`make zoo` draws it anew where it is not."""
    assert SHOWN[name].digest == digest(known()[name].load())


FEW = """# Tells digits apart.
net Few(classes = 10, width = 4) {
  input image [1, 8, 8]
  output logits: flatten -> linear(width) -> relu -> linear(classes)
}

train Few {
  data      digits
  loss      (logits, label) -> cross_entropy
  metric    (logits, label) -> accuracy
  optimizer adam(lr=0.01)
  epochs    1
}
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("relu", "tanh"),
        ("width = 4", "width = 5"),
        ("lr=0.01", "lr=0.02"),
        ("epochs    1", "epochs    2"),
        ("data      digits", "data      digits(mean=0.5)"),
        ("-> cross_entropy", "-> cross_entropy(smoothing=0.1)"),
    ],
)
def test_the_digest_tells_what_changed(old: str, new: str) -> None:
    assert digest(load_text(FEW.replace(old, new)).net()) != digest(load_text(FEW).net())


def test_the_digest_knows_no_comment() -> None:
    assert digest(load_text(FEW.replace("# Tells", "# Tells all")).net()) == digest(load_text(FEW).net())


class Project:
    """A project with one text, whose pictures are made."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.text, self.docs, self.monkeypatch, self.capsys = (
            root / "specs" / "few.net",
            root / "docs",
            monkeypatch,
            capsys,
        )
        self.text.parent.mkdir()
        self.docs.mkdir()
        self.text.write_text(FEW, encoding="utf-8")
        monkeypatch.chdir(root)

    def make(self, *options: str) -> str:
        """The last line that is printed."""
        self.monkeypatch.setattr("sys.argv", ["zoo", str(self.docs), *options])
        self.code = main()
        return self.capsys.readouterr().out.splitlines()[-1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Project:
    return Project(tmp_path, monkeypatch, capsys)


def test_pictures_are_made_once(project: Project) -> None:
    assert project.make() == "0 pictures kept, 1 made"
    one = read_shown(project.docs / "zoo")["Few"]
    assert (one.samples, one.epochs, one.picture, list(one.metrics)) == (179, 1, True, ["accuracy"])
    assert one.command == "netdsl train specs/few.net --net Few"
    assert Image.open(project.docs / "zoo" / "Few.png").mode == "P"
    assert project.make() == "1 pictures kept, 0 made"
    project.text.write_text(FEW.replace("relu", "tanh"), encoding="utf-8")
    assert project.make() == "0 pictures kept, 1 made"
    assert read_shown(project.docs / "zoo")["Few"].digest != one.digest


def test_what_is_no_lesson_any_more_is_taken_away(project: Project) -> None:
    folder = project.docs / "zoo"
    gone = LessonShown("old", "Old", "", "", "0", "torch", 0, 1, 1, 0.0, {}, picture=True)
    folder.mkdir()
    (folder / FILE).write_text(written({"Old": gone}), encoding="utf-8")
    for name in ("Old.png", "mine.png"):
        (folder / name).write_bytes(b"")
    project.text.write_text(FEW.replace("digits", 'mnist("nowhere")'), encoding="utf-8")
    assert project.make() == "0 pictures kept, 0 made"
    assert sorted(path.name for path in folder.iterdir()) == [FILE, "mine.png"]
    assert read_shown(folder) == {}


def test_an_unknown_lesson_is_told(project: Project) -> None:
    project.monkeypatch.setattr("sys.argv", ["zoo", str(project.docs), "--net", "Many"])
    assert main() == 2
    assert project.capsys.readouterr().err == "no lesson is called Many: there is Few\n"


def test_a_failure_leaves_the_others(project: Project) -> None:
    broken = FEW.replace("Few", "Broken").replace("(logits, label) -> cross", "(logits -> log, label) -> cross")
    project.text.write_text(f"{FEW}\n{broken}", encoding="utf-8")
    assert project.make() == "0 pictures kept, 1 made, not ['Broken']"
    assert project.code == 1


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"format": "netdsl zoo 0"}', '{"format": "netdsl zoo 1", "lessons": {"A": {}}}'):
        (tmp_path / FILE).write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match="is not what `make zoo` writes"):
            read_shown(tmp_path)


def test_a_picture_has_as_many_colours_as_fit(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (100, 300, 3)).astype(np.uint8)
    write_small(tmp_path / "noise.png", noise)
    assert (tmp_path / "noise.png").stat().st_size <= LARGEST
