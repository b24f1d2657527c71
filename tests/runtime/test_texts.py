"""Texts by tokens: what they become, beside `tokenizers` and scikit-learn; every mistake at its row; nets that learn them."""

from __future__ import annotations

import csv
import importlib
import inspect
import json
import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from through_onnx import evaluate_run
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import netdsl
from netdsl.base.errors import DataError, RunError
from netdsl.cli.app import run as command
from netdsl.recipe import DATA
from netdsl.runtime.data.sets import Dataset, load_data
from netdsl.runtime.data.vocabulary import TextVocabulary, cut, learned
from netdsl.runtime.datasets.numerals import spoken, strings
from netdsl.runtime.predict import predictions
from netdsl.runtime.runs.tensorfile import load_arrays

ENGINES = ("torch", "onnx")
SCORED = {"torch": netdsl.evaluate, "onnx": evaluate_run}

CLASSIFIER = """
net Classes(vocab = 300, classes = 2, width = 16) {
  input tokens int[T = 16], mask [T]

  words:  tokens -> embedding(vocab, width) -> gru(width, bidirectional=true)
  there:  mask -> unsqueeze(0)
  many:   there -> sum(axis=1) -> unsqueeze(1)
  middle: (there / many, words) -> matmul -> squeeze(0)
  output logits: middle -> linear(classes)
}

train Classes {
  data      DATA
  loss      (logits, label) -> cross_entropy
  metric    (logits, label) -> accuracy
  optimizer adam(lr=0.01)
  epochs    6
  batch     32
}
"""

SPEAKER = """
recurrent speaker(hidden) {
  input word
  given memory [S, C]
  state h [hidden] = 0

  keys: memory -> linear(hidden, axis=-1)
  query: h -> linear(hidden, bias=false) -> unsqueeze(0)
  share: keys + query -> tanh -> linear(1, axis=-1) -> squeeze(-1) -> softmax -> unsqueeze(0)
  seen: (share, memory) -> matmul -> squeeze(0)
  next h: (word, seen, h) -> concat -> linear(hidden) -> tanh
  output h
}

net Speaker(read = 40, words = 40, hidden = 48) {
  input source int[S], target int[T]

  memory: source -> embedding(read, 16) -> gru(hidden, bidirectional=true)
  said: target -> embedding(words, 16)
  output logits: (said, memory) -> speaker(hidden) -> linear(words)
}

train Speaker {
  data      DATA
  loss      (logits, label) -> cross_entropy(ignore=0)
  metric    (logits, label) -> accuracy(ignore=0)
  optimizer adam(lr=0.01)
  epochs    EPOCHS
  batch     32
  clip      1
}
"""


def classifier(data: str, **settings: Any) -> netdsl.Net:
    return netdsl.load_text(CLASSIFIER.replace("DATA", data), **settings)


def speaker(data: str, epochs: int = 1, **settings: Any) -> netdsl.Net:
    return netdsl.load_text(SPEAKER.replace("DATA", data).replace("EPOCHS", str(epochs)), **settings)


def table(path: Path, *rows: tuple[str, ...], head: tuple[str, ...] = ("text", "label")) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return str(path)


def whole(dataset: Dataset, split: str = "train") -> dict[str, Any]:
    return dataset.splits[split].fetch(np.arange(len(dataset.splits[split])))


def loaded(path: str, **settings: Any) -> Dataset:
    given = {"validation": 0.0, "test": 0.0, "length": 16, **settings}
    net = classifier(f'labelled_text("{path}")')
    return load_data(DATA["labelled_text"](path, **given), net)


FEW = (
    ("the cat sat", "cat"), ("the dog ran, the dog sat!", "dog"), ("a cat", "cat"), ("the dog", "dog"), ("it's é", "cat"),
)  # fmt: skip


# ---------------------------------------------------------------- what texts become


def test_words_are_numbered_by_how_often_they_come(tmp_path: Path) -> None:
    found = loaded(table(tmp_path / "a.csv", *FEW))
    words = found.facts["words"]["tokens"]
    assert words["tokens"][:5] == ("<pad>", "<unk>", "the", "dog", "cat")
    assert set(words["tokens"][5:]) == {"sat", "ran", "a", ",", "!", "it", "'", "s", "é"}
    fields = whole(found)
    assert fields["tokens"].shape == (5, 16)
    assert fields["tokens"].dtype == np.int64
    back = [[words["tokens"][n] for n in row] for row in fields["tokens"]]
    assert back[1] == ["the", "dog", "ran", ",", "the", "dog", "sat", "!", *["<pad>"] * 8]
    assert fields["mask"].dtype == np.float32, "as the net's input asks"
    np.testing.assert_array_equal(fields["mask"], fields["tokens"] != 0)
    assert found.classes == ("cat", "dog")
    assert fields["label"].tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("lower", [False, True])
def test_words_are_those_of_scikit_learn(lower: bool) -> None:
    texts = [inspect.getdoc(vars(str)[name]) or "" for name in sorted(vars(str))]
    theirs = CountVectorizer(token_pattern=r"\w+|[^\w\s]", lowercase=lower)
    counts = theirs.fit_transform(texts)
    ours, many = learned(texts, "word", lower, 10**6, False)
    assert set(ours[2:]) == set(theirs.get_feature_names_out())
    assert many == counts.shape[1] > 300
    often = np.asarray(counts.sum(axis=0)).reshape(-1)
    assert [int(often[theirs.vocabulary_[w]]) for w in ours[2:]] == sorted(often.tolist(), reverse=True)


def test_numbers_are_those_of_tokenizers() -> None:
    """A word-level tokenizer of the library with the same vocabulary, cutting by the same pattern."""
    texts = [inspect.getdoc(vars(dict)[name]) or "" for name in sorted(vars(dict))]
    ours, _ = learned(texts, "word", True, 60, False)
    theirs = Tokenizer(models.WordLevel({word: i for i, word in enumerate(ours)}, unk_token="<unk>"))
    theirs.normalizer = normalizers.Lowercase()
    theirs.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), "isolated")]
    )
    words = TextVocabulary("word", ours, True)
    for text in texts:
        assert words.numbers(text) == theirs.encode(text).ids
    assert 1 in words.numbers(texts[0]), "some are unknown"


def test_characters_and_their_way_back(tmp_path: Path) -> None:
    found = loaded(table(tmp_path / "a.csv", *FEW), tokens=("character",), lower=True)
    words = TextVocabulary("character", found.facts["words"]["tokens"]["tokens"], True)
    assert words.tokens[2] == " ", "the most frequent"
    assert [words.text(row) for row in whole(found)["tokens"]][2:] == ["a cat", "the dog", "it's é"]
    assert "".join(cut("Ab é", "character", False)) == "Ab é"
    assert whole(found)["tokens"].shape == (5, 16)
    assert "60.0% of them" not in " ".join(found.notes)
    assert any("are cut to 16" in note for note in found.notes)


def test_rare_words_are_unknown(tmp_path: Path) -> None:
    found = loaded(table(tmp_path / "a.csv", *FEW), vocabulary=5)
    assert found.facts["words"]["tokens"]["tokens"] == ("<pad>", "<unk>", "the", "dog", "cat")
    assert whole(found)["tokens"][0, :4].tolist() == [2, 4, 1, 0]
    assert any("9 of 12 different words are left out" in note for note in found.notes)


def test_only_training_texts_make_words_and_classes(tmp_path: Path) -> None:
    rows = [(*row, "train") for row in FEW] + [("the wolf sat", "dog", "val"), ("zebra", "cat", "test")]
    found = loaded(table(tmp_path / "a.csv", *rows, head=("text", "label", "part")), split="part")
    assert "wolf" not in found.facts["words"]["tokens"]["tokens"]
    assert whole(found, "validation")["tokens"][0, 1] == 1
    assert {name: len(split) for name, split in found.splits.items()} == {"train": 5, "validation": 1, "test": 1}


def test_a_tokenizer_file_cuts_as_its_library_does(tmp_path: Path) -> None:
    texts = [text for name in sorted(vars(str)) if (text := inspect.getdoc(vars(str)[name]))]
    own = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    own.normalizer = normalizers.BertNormalizer(lowercase=True)
    own.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    own.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=200, special_tokens=special, show_progress=False)
    )
    own.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    own.save(str(tmp_path / "tokenizer.json"))
    path = table(tmp_path / "a.csv", *((text, str(len(text) > 100)) for text in texts))
    found = whole(loaded(path, tokenizer=str(tmp_path / "tokenizer.json")))
    own.enable_truncation(16)
    own.enable_padding(length=16, pad_id=0)
    theirs = own.encode_batch(texts)
    cut_off = [len(t.overflowing) > 0 for t in theirs]  # the library keeps [SEP] where it cuts
    keep = ~np.array(cut_off)
    assert 3 < keep.sum() < len(texts)
    np.testing.assert_array_equal(found["tokens"][keep], np.array([t.ids for t in theirs])[keep])
    np.testing.assert_array_equal(found["mask"], [t.attention_mask for t in theirs])


def test_texts_without_a_token(tmp_path: Path) -> None:
    own = Tokenizer(models.WordLevel({"ein": 0}))
    own.save(str(tmp_path / "t.json"))
    with pytest.raises(DataError, match=r't.json: cannot cut "the cat sat" into tokens \(WordLevel error'):
        loaded(table(tmp_path / "a.csv", *FEW), tokenizer=str(tmp_path / "t.json"))
    own.normalizer = normalizers.Replace(Regex(".*"), "")
    own.save(str(tmp_path / "t.json"))
    with pytest.raises(DataError, match=r"a.csv: there are no tokens in its texts"):
        loaded(table(tmp_path / "a.csv", *FEW), tokenizer=str(tmp_path / "t.json"))


def test_without_the_library_a_tokenizer_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    (tmp_path / "t.json").write_text("{}")
    with pytest.raises(DataError, match=r"which is not installed: `pip install 'netdsl\[tokenizers\]'`, or cut texts"):
        loaded(table(tmp_path / "a.csv", *FEW), tokenizer=str(tmp_path / "t.json"))


MISTAKES: dict[str, tuple[tuple[tuple[str, ...], ...], dict[str, Any], str]] = {
    "an empty text": ((("a", "x"), (" ", "y")), {}, "line 3: the cell of `text` is empty, where a text belongs"),
    "an empty class": ((("a", "x"), ("b", "")), {}, "line 3: the cell of `label` is empty, where a class belongs"),
    "no text column": ((("a", "x"),), {"text": "body"}, "no column `body`, for `text`: there are `text`, `label`"),
    "no class column": ((("a", "x"),), {"target": "lable"}, "no column `lable`, for `target`: did you mean `label`"),
    "a class without training": (
        (("a", "x"), ("b", "y"), ("c", "z")), {"split": "part", "head": ("train", "train", "test")},
        'line 4: `label` is "z", which no training row has: they have `x`, `y`',
    ),
    "a ragged row": ((("a", "x"), ("b",)), {}, "line 3: 1 cell where the first line names 2 columns"),
    "a text without end": ((("a" * 200_000, "x"),), {}, "a cell of more than 131,072 letters"),
    "no tokenizer": ((("a", "x"),), {"tokenizer": "none.json"}, "none.json: not a file: `tokenizer` is a file of the"),
    "more than is held": ((("a", "x"),) * 300, {"length": 900_000}, "are more than 1,073,741,824 bytes: make `length` smaller"),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "settings", "said"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistakes_are_told_by_file_and_row(
    tmp_path: Path, rows: tuple[tuple[str, ...], ...], settings: dict[str, Any], said: str
) -> None:
    parts, head = settings.pop("head", None) if "head" in settings else None, ("text", "label")
    if parts is not None:
        rows, head = tuple((*row, part) for row, part in zip(rows, parts, strict=True)), (*head, "part")
    path = table(tmp_path / "a.csv", *rows, head=head)
    net = netdsl.load_text(CLASSIFIER.replace("DATA", f'labelled_text("{path}")').replace("T = 16", "T"))
    with pytest.raises(DataError) as error:
        load_data(DATA["labelled_text"](path, **{"validation": 0.0, "test": 0.0, **settings}), net)
    assert said in str(error.value)
    assert str(tmp_path) in str(error.value) or "none.json" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [("{}", "not a tokenizer file"), ("[1", "not a tokenizer file"), ("\udcff", "cannot be read as a text in UTF-8")],
)
def test_a_damaged_tokenizer_file(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "t.json").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=f"t.json: {said}"):
        loaded(table(tmp_path / "a.csv", *FEW), tokenizer=str(tmp_path / "t.json"))


# ---------------------------------------------------------------- pairs


def paired(folder: Path, source: str, target: str, **settings: Any) -> Dataset:
    for name, text in (("a.txt", source), ("b.txt", target)):
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    paths = str(folder / "a.txt"), str(folder / "b.txt")
    net = speaker('pairs("{}", "{}")'.format(*paths))
    return load_data(DATA["pairs"](*paths, **{"validation": 0.0, "test": 0.0, **settings}), net)


def test_pairs_are_shifted_by_one(tmp_path: Path) -> None:
    found = paired(tmp_path, "ein Haus\nein Baum\n", "a house\r\na tall tree\n", length=(4, 4))
    fields, words = whole(found), found.facts["words"]
    assert words["source"]["tokens"] == ("<pad>", "<unk>", "ein", "Baum", "Haus")
    assert words["target"]["tokens"] == ("<pad>", "<unk>", "<s>", "</s>", "a", "house", "tall", "tree") == found.classes
    assert fields["source"].tolist() == [[2, 4, 0, 0], [2, 3, 0, 0]]
    assert fields["target"].tolist() == [[2, 4, 5, 0], [2, 4, 6, 7]]
    assert fields["label"].tolist() == [[4, 5, 3, 0], [4, 6, 7, 3]]
    np.testing.assert_array_equal(fields["target_mask"], fields["label"] != 0)
    assert fields["target_mask"].dtype == np.bool_


def test_a_label_behind_the_end_is_what_is_ignored(tmp_path: Path) -> None:
    text = SPEAKER.replace("ignore=0", "ignore=-100").replace("EPOCHS", "1")
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("ein Haus\nein\n")
    spec = text.replace(
        "DATA", f'pairs("{tmp_path}/a.txt", "{tmp_path}/b.txt", length=4, ignore=-100, validation=0, test=0)'
    )
    net = netdsl.load_text(spec)
    assert net.recipe.data.ignored() == -100
    dataset = load_data(net.recipe.data, net)
    assert whole(dataset)["label"][1].tolist() == [4, 3, -100, -100]
    assert whole(dataset)["target"][1].tolist() == [2, 4, 0, 0]


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("a\nb\n", "a\n", "a.txt has 2 lines, but"),
        ("a\n\nb\n", "a\nb\nc\n", "a.txt, line 2: empty, where a text belongs: take it out of both files"),
        ("a\nb\n", "a\n\udcff\n", r"b.txt, line 2: not UTF-8 \(a byte 0xff\): save the file as UTF-8"),
        ("", "a\n", "a.txt: the file is empty"),
        ("a" * (2**20 + 1), "a\n", "a.txt, line 1: more than 1,048,576 bytes: a line is one text"),
    ],
    ids=["lines", "empty", "bytes", "nothing", "long"],
)
def test_mistakes_of_pairs_are_told_by_file_and_line(tmp_path: Path, source: str, target: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        paired(tmp_path, source, target)


def test_a_tokenizer_of_pairs_needs_a_begin_and_an_end(tmp_path: Path) -> None:
    own = Tokenizer(models.WordLevel({"<unk>": 0, "[PAD]": 1, "ein": 2}, unk_token="<unk>"))
    own.pre_tokenizer = pre_tokenizers.Whitespace()
    own.save(str(tmp_path / "t.json"))
    with pytest.raises(DataError, match=r"t.json: has no token for the begin of a text, `<s>` or"):
        paired(tmp_path, "ein\n", "ein\n", tokenizer=str(tmp_path / "t.json"))
    own.add_special_tokens(["<s>", "</s>"])
    own.save(str(tmp_path / "t.json"))
    fields = whole(paired(tmp_path, "ein\n", "ein ein\n", tokenizer=str(tmp_path / "t.json"), length=4))
    assert fields["source"].tolist() == [[2, 1, 1, 1]]
    assert fields["target"].tolist() == [[3, 2, 2, 1]]
    assert fields["label"].tolist() == [[2, 2, 4, 0]]


# ---------------------------------------------------------------- generated


def test_generated_texts_follow_from_their_seed() -> None:
    one, two = (load_data(DATA["sentiments"](count=50), classifier("sentiments")) for _ in range(2))
    other = load_data(DATA["sentiments"](count=50, seed=1), classifier("sentiments"))
    np.testing.assert_array_equal(whole(one)["tokens"], whole(two)["tokens"])
    assert not np.array_equal(whole(one)["tokens"], whole(other)["tokens"])
    assert [len(one.splits[name]) for name in ("train", "validation", "test")] == [40, 5, 5]


def test_strings_of_digits_are_different_and_said_from_their_end() -> None:
    found = strings(500, 3, 0)
    assert len(set(found)) == 500
    assert {len(digits) for digits in found} == {1, 2, 3}
    assert spoken("407") == "seven zero four"


# ---------------------------------------------------------------- nets that learn


@pytest.fixture(scope="module")
def feeling(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("feeling")
    for engine in ENGINES:
        netdsl.train(classifier("sentiments"), folder / engine, engine=engine, quiet=True, device="cpu")
    return {engine: folder / engine for engine in ENGINES}


@pytest.mark.sampled(2)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_sentiment_is_learned(feeling: dict[str, Path], engine: str) -> None:
    assert SCORED[engine](feeling[engine])["metrics"]["accuracy"] > 0.95
    found = netdsl.predict(feeling[engine], {"tokens": "the song was not very good ."}, engine=engine)
    assert (found.top[0].name, found.name) == ("negative", "the song was not very good .")
    assert netdsl.predict(feeling[engine], {"tokens": "the song was good ."}, engine=engine).top[0].name == "positive"


def test_a_text_is_the_sample_that_it_was(feeling: dict[str, Path], tmp_path: Path) -> None:
    net = netdsl.load(next((feeling["torch"] / "spec").glob("*.net")))
    dataset = load_data(net.recipe.data, net)
    words = TextVocabulary("word", dataset.facts["words"]["tokens"]["tokens"])
    text = words.text(whole(dataset, "test")["tokens"][3])
    (tmp_path / "a.txt").write_text(text)
    netdsl.save_onnx(net, tmp_path / "m.onnx", weights=feeling["torch"] / "weights.safetensors")
    stored = netdsl.predict(feeling["torch"], 3).outputs["logits"]
    for model in (feeling["torch"], tmp_path / "m.onnx"):
        for sample in ({"tokens": text}, str(tmp_path / "a.txt")):
            np.testing.assert_allclose(netdsl.predict(model, sample).outputs["logits"], stored, atol=1e-5)


def test_commands_take_texts(feeling: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("the plot was dull .")
    run = str(feeling["onnx"])
    given = [
        "predict",
        run,
        str(tmp_path / "in"),
        "--text",
        "the zebra was great .",
        "--engine",
        "onnx",
        "--format",
        "csv",
    ]
    assert command(given) == 0
    said = capsys.readouterr()
    rows = list(csv.DictReader(said.out.splitlines()))
    assert [row["sample"].rpartition("/")[2] for row in rows] == ["a.txt", "the zebra was great ."]
    assert [row["class"] for row in rows] == ["negative", "positive"]
    assert 'note: `tokens`: not in the vocabulary: "zebra"' in said.err


def test_other_texts_are_cut_by_the_words_of_training(feeling: dict[str, Path], tmp_path: Path) -> None:
    path = table(tmp_path / "b.csv", *(("the film was zebra", "positive"), ("the film was bad .", "negative")) * 10)
    declared = DATA["labelled_text"](path, validation=0.0, test=0.0)
    for engine in ENGINES:
        found = SCORED[engine](feeling[engine], "train", declared)
        assert found["samples"] == 20
        assert 0.5 <= found["metrics"]["accuracy"] <= 1
    with pytest.raises(RunError, match="cuts texts by character, where the weights were trained on words"):
        evaluate_run(feeling["onnx"], "train", DATA["labelled_text"](path, tokens=("character",)))
    unknown = table(tmp_path / "c.csv", ("good", "perfect"), ("bad", "negative"))
    with pytest.raises(RunError, match='`label` is "perfect", which no training row has'):
        evaluate_run(feeling["onnx"], "train", DATA["labelled_text"](unknown, validation=0.0, test=0.0))


@pytest.mark.parametrize(
    "damage",
    [
        {"tokens": "a"}, {"tokens": {"tokens": [1]}}, {"tokens": {"by": "syllable"}}, {"tokens": {"length": -1}},
        {"tokens": {"padding": True}},
    ],
)  # fmt: skip
def test_damaged_words_of_a_run(feeling: dict[str, Path], damage: dict[str, Any]) -> None:
    _, facts = load_arrays(feeling["onnx"] / "weights.safetensors")
    for name, part in damage.items():
        facts["words"][name] = {**facts["words"][name], **part} if isinstance(part, dict) else part
    with pytest.raises(DataError, match="what the weights keep of their words is damaged"):
        load_data(DATA["sentiments"](), classifier("sentiments"), facts=facts)


def test_what_is_no_text(feeling: dict[str, Path], tmp_path: Path) -> None:
    run = feeling["onnx"]
    for sample, said in (
        ({"tokens": ""}, "`tokens`: there are no tokens in the text"),
        ({"tokens": "a", "words": "b"}, "takes tokens, mask, not words"),
        ({"mask": "a"}, "nothing is given for `tokens`|`mask` is given as a text"),
        (str(tmp_path / "a.txt"), "not UTF-8 text"),
    ):
        (tmp_path / "a.txt").write_bytes(b"\xff")
        with pytest.raises(RunError, match=said):
            netdsl.predict(run, sample, engine="onnx")


def test_a_run_that_goes_on_is_the_same(tmp_path: Path) -> None:
    spec = CLASSIFIER.replace("DATA", "sentiments(count=100)")
    (tmp_path / "s.net").write_text(spec)
    for folder, epochs in (("whole", 3), ("parts", 2)):
        given = ["--folder", str(tmp_path / folder), "--quiet", "--epochs", str(epochs), "--engine", "onnx"]
        assert command(["train", str(tmp_path / "s.net"), *given]) == 0
    more = ["--folder", str(tmp_path / "parts"), "--resume", "--quiet", "--epochs", "3", "--engine", "onnx"]
    assert command(["train", str(tmp_path / "s.net"), *more]) == 0
    one, two = (load_arrays(tmp_path / folder / "checkpoint.safetensors")[0] for folder in ("whole", "parts"))
    assert one.keys() == two.keys()
    assert all(np.array_equal(one[key], two[key]) for key in one)


@pytest.fixture(scope="module")
def speller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("speller") / "run"
    netdsl.train(speaker("numerals", 6), folder, engine="onnx", quiet=True)
    return folder


@pytest.mark.slow
def test_digits_are_translated(speller: Path) -> None:
    assert evaluate_run(speller)["metrics"]["accuracy"] > 0.97
    for engine in ENGINES:
        found = list(predictions(speller, ["0:100"], engine=engine))
        assert sum(one.text == one.truth for one in found) > 90
    told = netdsl.predict(speller, {"source": "407"}, engine="onnx")
    assert told.text == "seven zero four"
    taught = netdsl.predict(speller, {"source": "407", "target": "seven zero four"}, engine="onnx")
    assert taught.text is None, "it reads what it would have said"
    np.testing.assert_allclose(taught.outputs["logits"][:3], told.outputs["logits"][:3], atol=1e-5)


def test_what_is_said_may_be_drawn_and_cut_short(speller: Path) -> None:
    """Nearly without temperature it is the likeliest; with much, words are any; of two samples each is drawn alike."""
    cold, hot, short = netdsl.Saying(0.01), netdsl.Saying(50.0), netdsl.Saying(length=2)
    assert netdsl.predict(speller, {"source": "407"}, engine="onnx", saying=cold).text == "seven zero four"
    assert netdsl.predict(speller, {"source": "407"}, engine="onnx", saying=short).text == "seven zero"
    said = {netdsl.predict(speller, {"source": "407"}, engine="onnx", saying=hot, seed=s).text for s in range(4)}
    assert len(said) == 4
    both = list(predictions(speller, [0, 1], engine="onnx", saying=hot, seed=3))
    assert [p.text for p in both] == [
        netdsl.predict(speller, n, engine="onnx", saying=hot, seed=3).text for n in (0, 1)
    ]  # fmt: skip


def test_what_is_said_is_printed(speller: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(speller)
    assert command(["predict", run, "--text", "12", "--engine", "onnx"]) == 0
    assert capsys.readouterr().out == "two one\n"
    assert command(["predict", run, "--text", "12", "--text", "3", "--engine", "onnx"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["12", "two", "one"], ["3", "three"]]
    assert command(["predict", run, "0", "--engine", "onnx", "--format", "json"]) == 0
    row = json.loads(capsys.readouterr().out)["predictions"][0]
    assert row["text"] == row["truth"]


def test_a_net_that_read_no_texts_cannot_read_one(tmp_path: Path) -> None:
    spec = "net N {\n  input image [1, 8, 8]\n  output y: flatten -> linear(10)\n}\ntrain N {\n  data digits\n  loss (y, label) -> cross_entropy\n  epochs 1\n}"
    netdsl.train(netdsl.load_text(spec), tmp_path / "r", engine="onnx", quiet=True)
    with pytest.raises(RunError, match="was not trained on texts"):
        command(["predict", str(tmp_path / "r"), "--text", "seven", "--engine", "onnx"])


# ---------------------------------------------------------------- real texts


def docstrings(path: Path) -> str:
    """What Python's own modules say of their functions, with the module that each is of."""
    rows: dict[str, str] = {}
    for name in ("decimal", "mailbox", "tarfile", "unittest.case"):
        module = importlib.import_module(name)
        own = [each for _, each in inspect.getmembers(module) if getattr(each, "__module__", None) == name]
        for each in own:
            for said in (each, *vars(each).values()) if inspect.isclass(each) else (each,):
                text = inspect.getdoc(said) if callable(said) else None
                if text:
                    rows.setdefault(text, name)
    return table(path, *rows.items(), head=("text", "module"))


def test_the_module_of_a_docstring_is_told(tmp_path: Path) -> None:
    """Some 480 texts in four classes, of which the largest has 36 %; of the 48 for testing 42 are right in the mean."""
    path = docstrings(tmp_path / "docs.csv")
    text = CLASSIFIER.replace("DATA", f'labelled_text("{path}", target=module, vocabulary=2000, lower=true)')
    text = text.replace(" -> gru(width, bidirectional=true)", "").replace("epochs    6", "epochs    12")
    net = netdsl.load_text(text.replace("lr=0.01", "lr=0.02"), vocab=2000, classes=4, width=32)
    run = netdsl.train(net, tmp_path / "run", engine="onnx", quiet=True)
    assert evaluate_run(run.folder)["metrics"]["accuracy"] > 0.7
    assert (
        netdsl.predict(run.folder, {"tokens": "add a message to the mailbox"}, engine="onnx").top[0].name == "mailbox"
    )


@pytest.mark.slow
def test_syllables_are_romanised(tmp_path: Path) -> None:
    """Unicode's own names of Hangul syllables: letters in, what they are called out; every tenth syllable of 11,172."""
    syllables = [chr(code) for code in range(0xAC00, 0xD7A4, 9)]
    (tmp_path / "ko.txt").write_text("\n".join(unicodedata.normalize("NFD", s) for s in syllables), "utf-8")
    names = [unicodedata.name(s).removeprefix("HANGUL SYLLABLE ") for s in syllables]
    (tmp_path / "en.txt").write_text("\n".join(names))
    data = f'pairs("{tmp_path}/ko.txt", "{tmp_path}/en.txt", tokens=character, length=(3, 8))'
    run = netdsl.train(speaker(data, 8, read=80), tmp_path / "run", engine="onnx", quiet=True)
    assert evaluate_run(run.folder)["metrics"]["accuracy"] > 0.95
    assert netdsl.predict(run.folder, {"source": unicodedata.normalize("NFD", "한")}, engine="onnx").text == "HAN"
