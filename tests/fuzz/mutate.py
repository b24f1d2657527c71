"""Right and wrong texts, changed: bytes, letters, words, rows, brackets, numbers, and pieces of other texts."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

from fuzz.corpus import some

WORD = re.compile(r"\s+|#[^\n]*|\"[^\"\n]*\"|[A-Za-z_]\w*|[0-9][0-9_.]*[KMGT]?|->|\*\*|//|[=!<>]=|.")
NUMBERS = (
    "0", "1", "-1", "2", "3", "7", "30000", "999999999999", "1e30", "1e-30", "1e999", "0.5", "1K", "1T", "2 ** 63", "1 / 3",
    "9" * 40, "10 ** 29", "-2 ** 31", "0.1 + 0.2", "1_000", "00", "08",
)  # fmt: skip
VALUES = (
    *NUMBERS, '"a"', '"""', '"\\n"', "true", "false", "none", "[1, 2]", "[]", "()", "(3, 3)", "((0, 1), (1, 0))", "H", "x", "_",
    "same", "min(2)", "range(3)", "range(29000)", "x.height", "x.shape", "x.features", "image.width // 2", "normal(0.02)", "a * b",
    "{ x }", "relu", "conv(3, 3)", "linear", "(x, x)", "x -> relu", "if H > 3 { 1 } else { 2 }", "each i in [1, 2] { _ -> relu }",
    "H % 2 == 0", "not true", "len([])", "[[1], [2]]", '"{0}%s\\x1b[31m"', "int[3]", "bool[]", "params", "macs",
)  # fmt: skip
NAMES = (
    "relu", "conv", "linear", "concat", "x", "image", "H", "maxpool", "batchnorm", "flatten", "add", "split", "lstm", "attention",
    "matmul", "crop", "resize", "reshape", "transpose", "slice", "min", "max", "len", "range", "zip", "same", "state", "next", "if",
    "else", "each", "for", "in", "let", "set", "param", "const", "frozen", "assert", "shared", "output", "aux", "input", "given", "batch input", "state", "next", "cross_entropy", "accuracy",
    "digits", "shape", "channels", "height", "dropout", "embedding", "one_hot", "argmax", "mean", "last", "max_unpool", "net", "block",
    "recurrent", "train", "use", "std", "self", "forward", "training", "named_modules", "_modules", "torch", "None", "lambda", "class",
    "import", "def", "print", "conv1", "Conv2d", "nn", "Dense", "softmax", "dense", "label", "loss", "metric", "optimizer", "epochs",
    "data", "pos", "T", "C", "B", "x1", "_x", "__init__", "super", "math", "F", "float", "int", "bool", "list", "type",
)  # fmt: skip
FOREIGN = (
    "nn.Conv2d(3, 16, 3, padding=1)", "x = relu(conv(image, 6, 5))", "Dense(10, activation='softmax')", "self.fc = nn.Linear(4, 2)",
    "layer { type: \"Convolution\" }", "model.add(Flatten())", "x.view(-1, 10)", "import torch", "return x", "x += 1", "x |> relu",
    "a ? b : c", "//comment", "/* comment */", "<?xml?>", "{\"layers\": []}", "x -> relu;", "conv 3x3, 64", "—>", "→ relu", "x: 3 => 4",
    "if x: y", "for i in 3:", "2 if c else 1", "f\"{x}\"", "x[1:2]", "x[-1]", "`x`", "'text'", "$x", "@decorator", "&&", "||", "!x", "x++",
)  # fmt: skip
LETTERS = "\x00\x01\x07\x08\t\x0b\x0c\x1b\x7f\x85\xa0\u200b\u2028\u202e\ufeff\ufffdé²∞𝟛İß '\"#\\`~^|&;?!@$%{}[]()<>=+-*/.,:_0aAzZ\r\n"
BRACKETS = "(){}[]"


def mutated(chance: random.Random) -> bytes:
    """A text of the corpus with a few changes, in words, rows or bytes."""
    text = some(chance)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        text = chance.choice(CHANGES)(text or "\n", chance)
    data = text.encode("utf-8", "surrogatepass") or b"\n"
    return damaged(data, chance) if chance.random() < 0.08 else data


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Bytes changed, cut off, repeated, or the text in another encoding."""
    kind, place = chance.randrange(5), chance.randrange(len(data))
    if kind == 0:
        return data[:place] + chance.randbytes(chance.choice((1, 2, 40))) + data[place + 1 :]
    if kind == 1:
        return data[:place]
    if kind == 2:
        return data[:place] + data[place : place + 9] * 200 + data[place:]
    if kind == 3:
        return data.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\r", b"\x0b")))
    encoding = chance.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "utf-8-sig", "utf-7"))
    return data.decode("utf-8", "replace").encode(encoding, "replace")


# ---------------------------------------------------------------- words


def words_moved(text: str, chance: random.Random) -> str:
    """A word left out, written twice, taken from elsewhere, or two changed for each other."""
    words = WORD.findall(text)
    place, other = chance.randrange(len(words)), chance.randrange(len(words))
    kind = chance.randrange(4)
    if kind == 0:
        del words[place]
    elif kind == 1:
        words.insert(place, words[other])
    elif kind == 2:
        words[place], words[other] = words[other], words[place]
    else:
        words[place:place] = words[other : other + chance.randrange(1, 9)]
    return "".join(words)


def word_replaced(text: str, chance: random.Random) -> str:
    """A name or number becomes another."""
    words = WORD.findall(text)
    known = [i for i, w in enumerate(words) if w[0].isalnum() or w[0] == '"']
    if known:
        words[chance.choice(known)] = chance.choice(chance.choice((VALUES, NAMES, FOREIGN, words)))
    return "".join(words)


def number_replaced(text: str, chance: random.Random) -> str:
    """A number becomes one at an edge, or a neighbour of what it was."""
    words = WORD.findall(text)
    numbers = [i for i, w in enumerate(words) if w[0].isdigit()]
    if not numbers:
        return word_replaced(text, chance)
    place = chance.choice(numbers)
    near = [f"{words[place]} + 1", f"{words[place]} - 1", f"-{words[place]}", f"{words[place]}.5", f"{words[place]}0"]
    words[place] = chance.choice((*NUMBERS, *near))
    return "".join(words)


def value_added(text: str, chance: random.Random) -> str:
    """A setting more, by place or by name, or a stage more."""
    places = [m.end() for m in re.finditer(r"\(|, |-> |: |= ", text)] or [0]
    place = chance.choice(places)
    value = chance.choice((*VALUES, *NAMES))
    more = chance.choice(
        (f"{value}, ", f"{chance.choice(NAMES)}={value}, ", f"{value} -> ", f"{value} + ", f"({value}) * ")
    )
    return text[:place] + more + text[place:]


def letter_changed(text: str, chance: random.Random) -> str:
    """A letter left out, added or replaced, be it one that does not belong."""
    place = chance.randrange(len(text))
    letter = chance.choice(LETTERS) * chance.choice((1, 1, 1, 2, 500))
    return text[:place] + chance.choice(("", letter, letter)) + text[place + chance.randrange(2) :]


def bracket_changed(text: str, chance: random.Random) -> str:
    """A bracket left out, added, taken for another or moved."""
    places = [i for i, c in enumerate(text) if c in BRACKETS]
    if not places:
        return letter_changed(text, chance)
    place = chance.choice(places)
    new = chance.choice(("", text[place] * 2, chance.choice(BRACKETS), text[place] * chance.choice((3, 60, 3000))))
    return text[:place] + new + text[place + 1 :]


# ---------------------------------------------------------------- rows


def rows_moved(text: str, chance: random.Random) -> str:
    """Rows left out, written again, moved, joined, or indented otherwise."""
    rows = text.split("\n")
    place, other = chance.randrange(len(rows)), chance.randrange(len(rows))
    few = rows[place : place + chance.choice((1, 1, 1, 2, 5))]
    kind = chance.randrange(5)
    if kind == 0:
        del rows[place : place + len(few)]
    elif kind == 1:
        rows[other:other] = few * chance.choice((1, 1, 2, 30))
    elif kind == 2:
        del rows[place : place + len(few)]
        rows[other:other] = few
    elif kind == 3:
        rows[place : place + 2] = [chance.choice(("", " ", "; ", ", ", " -> ")).join(rows[place : place + 2])]
    else:
        rows[place] = chance.choice(("", "      ", "\t")) + rows[place].strip()
    return "\n".join(rows)


def rows_spliced(text: str, chance: random.Random) -> str:
    """Rows of another text among those of this one."""
    rows, others = text.split("\n"), some(chance).split("\n")
    place, first = chance.randrange(len(rows) + 1), chance.randrange(len(others))
    rows[place : place + chance.choice((0, 0, 1, 3))] = others[first : first + chance.choice((1, 1, 2, 5, 20))]
    return "\n".join(rows)


def foreign_row(text: str, chance: random.Random) -> str:
    """A row of another framework."""
    rows = text.split("\n")
    rows.insert(chance.randrange(len(rows) + 1), "  " + chance.choice(FOREIGN))
    return "\n".join(rows)


def neighbour_used(text: str, chance: random.Random) -> str:
    """A file beside, there or not, right or wrong."""
    paths = (
        "./good.net", "./broken.net", "./loop.net", "./bytes.net", "./empty.net", "./missing.net", "./text.net", ".", "..", "",
        "/etc/passwd", "../x.net", "./good.net/x", "a\\x00b", "./" * 900 + "good.net", "\\n",
    )  # fmt: skip
    names = ("good", "broken", "other", "loop", "bytes", "A", "basic", "residual", "good, good", "width")
    where = chance.choice((f'"{chance.choice(paths)}"', "std.resnet", "std.nothing", "std", "good"))
    return f"use {where} {{ {chance.choice(names)} }}\n{text}"


CHANGES: tuple[Callable[[str, random.Random], str], ...] = (
    words_moved, words_moved, word_replaced, word_replaced, word_replaced, number_replaced, number_replaced, value_added, value_added,
    letter_changed, bracket_changed, rows_moved, rows_moved, rows_spliced, rows_spliced, foreign_row, neighbour_used,
)  # fmt: skip
"""The ways to change a text; those that keep it nearly right come more than once."""
