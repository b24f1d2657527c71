"""The way out for a command line that cannot be read: what its words, of other programs, are called here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from netdsl.base.record import record
from netdsl.cli.elsewhere import (
    COMMANDS,
    COUNTED,
    DATA,
    DEVICES,
    GROUPS,
    INDEXED,
    NUMBERS,
    PRECISION,
    PRECISIONS,
    SAME,
    SAYS,
    SEVERAL,
    SIZES,
)
from netdsl.text.diagnostics import NetError, did_you_mean

NO = frozenset(("false", "no", "off", "0", "none"))


def command_of(word: str) -> str | None:
    """The way out for a command of another program."""
    found = next((here for here, words in COMMANDS.items() if word.lower() in words.split()), None)
    return f"write `netdsl {found}`" if found else None


@record
class CommandLine:
    """A command line with an option that its command does not have."""

    command: str
    options: tuple[str, ...]
    """Those that the command has."""
    words: tuple[str, ...]
    """All behind the command."""

    @property
    def file(self) -> Path | None:
        """The text that it names."""
        named = next((w for w in self.words if w.endswith(".net")), None)
        return Path(named) if named else next((Path(w) for w in self.words if os_file(w)), None)

    def values(self, at: int) -> list[str]:
        """What stands behind an option: all up to the next one or the file, or what is glued to it."""
        glued = self.words[at].partition("=")[2]
        if glued:
            return [glued]
        found: list[str] = []
        for word in self.words[at + 1 :]:
            if re.match(r"-{1,2}[A-Za-z]", word) or word.endswith(".net") or Path(word) == self.file:
                break
            found.append(word)
        return found

    def given(self) -> dict[str, str]:
        """Every option with its value; one without is `true`."""
        places = [i for i, w in enumerate(self.words) if re.match(r"-{1,2}[A-Za-z]", w)]
        return {plain(self.words[i]): next(iter(self.values(i)), "true") for i in places}


def os_file(word: str) -> bool:
    return not word.startswith("-") and Path(word).exists()


def plain(word: str) -> str:
    """An option as options are compared: without its value and the group before a dot, `-` for `_`."""
    bare = word.lstrip("-").partition("=")[0].lower().replace("_", "-")
    short = re.fullmatch(r"-([a-z])\d+", word)
    if short:
        return short[1]
    group, dot, name = bare.rpartition(".")
    return name if dot and set(group.split(".")) <= set(GROUPS.split()) else bare


def quoted(value: str) -> str:
    return value if value == "…" else shlex.quote(value)


def help_of(unknown: Sequence[str], options: Iterable[str], line: Sequence[str] = (), command: str = "train") -> str:
    """The way out for arguments that a command with some options does not take; `line` is the whole command line.

    The value of an option is what stands behind it there: where a value is no argument that the command has a place
    for, argparse takes it for the file, and the file for one too many.
    """
    behind = line[line.index(command) + 1 :] if command in line else line
    first, words = unknown[0], tuple(behind or unknown)
    read = CommandLine(command, tuple(sorted(o for o in options if o.startswith("--"))), words)
    if not first.startswith("-"):
        return _no_option(read, first)
    at = words.index(first) if first in words else 0
    values = [first[2:]] if re.fullmatch(r"-[A-Za-z]\d+", first) else read.values(at)
    word = plain(first)
    return (
        _own_setting(read, word, values)
        or _of_recipe(read, word, values)
        or _device(read, word, values)
        or _precision(read, word, values)
        or _same(read, word, values)
        or _said(read, word, values)
        or _row(read, word, values)
        or _elsewhere(read, word, values)
        or _setting(read, word, values, first)
    )


PLACES = {"diff": "it compares two: `netdsl diff OLD NEW`"}
"""What is said of one file too many to commands that take several."""


def _no_option(line: CommandLine, word: str) -> str:
    """A word that is neither an option nor the one file: a setting, or what an option does not take."""
    at = line.words.index(word) if word in line.words else 0
    resumed = line.given().get("resume", "true") if "--resume" in line.options else "true"
    if resumed != "true":
        return f"`--resume` {no_value('--resume', resumed)}"
    before = line.words[at - 1] if at else ""
    if before in line.options and not word.endswith(".net"):
        return f"`{before}` {no_value(before, word)}"
    named = re.fullmatch(r"([A-Za-z_][\w.]*)=(\S+)", word)
    if named is None:
        return PLACES.get(line.command, "a command takes one file: give the others their own")
    own = "--set" in line.options and f"a setting of the net is given by `--set {quoted(word)}`"
    known = _settings(line) if own else None
    if own and (named[1] in known if known is not None else line.command != "train"):
        return own
    if f"--{named[1]}" in line.options:
        return f"write `--{named[1]} {quoted(named[2])}`"
    option = help_of([f"--{word}"], line.options, (f"--{word}", *line.words), line.command)
    return option if "`--set" not in option and not option.startswith("options are") else own or option


def no_value(option: str, value: str) -> str:
    """What is said of a value behind an option that takes none."""
    if "--resume" not in option:
        return f"takes no value: leave {'it' if value.lower() in NO else f'`{value}`'} out"
    return f"takes no value, a run is named by its folder: {_resumed(value)}"


def _resumed(folder: str) -> str:
    """How to go on with a run, of which its folder or a file in it is named."""
    path = Path(folder).parent if Path(folder).suffix else Path(folder)
    return f"write `--folder {quoted(str(path))} --resume`"


# ---------------------------------------------------------------- options of training


def _of_recipe(line: CommandLine, word: str, values: Sequence[str]) -> str | None:
    """`--lr 0.1`: a setting of the optimizer or of the schedule, all of which are given in one option."""
    from netdsl.elaborate.parts import having, with_settings
    from netdsl.text import foreign

    what, name = foreign.part(word.replace("-", "_"))
    if not what or f"--{what}" not in line.options:
        return None
    if not values and name != "nesterov":
        return f"it is a setting of the {what}, and needs a number"
    given, strays = line.given(), _strays(line, what)
    strays |= {name: strays.get(name) or next(iter(values), "true")}
    own = (
        v for w, v in given.items() if what.startswith(w) or (foreign.row(w.replace("-", "_")) or "").startswith(what)
    )
    present = next(own, None) or _present(line, what)
    written = with_settings(what, present, strays)
    if written is None:
        return f"it is a setting of the {what}: {having(what, name, present, strays)}"
    return f"it is a setting of the {what}: write `--{what} {quoted(written)}`"


def _strays(line: CommandLine, what: str) -> dict[str, str]:
    """The settings of the optimizer or the schedule that a line has in options of their own."""
    from netdsl.text import foreign

    parts = {foreign.part(w.replace("-", "_")): value for w, value in line.given().items()}
    return {n: value.lower() if value in ("True", "False") else value for (w, n), value in parts.items() if w == what}


def _present(line: CommandLine, what: str) -> str | None:
    """The row of the recipe as the text has it; None without one, or without a text that can be read."""
    from netdsl.cli.specs import spec_of
    from netdsl.program import load_file

    path = spec_of(line.file) if line.file else None
    if path is None:
        return None
    try:
        program = load_file(path)
        wanted = line.given().get("net") or program.names[0]
    except (NetError, IndexError):
        return None
    rows = [r for t in program.module.trains.get(wanted, ()) for r in t.rows if r.keyword.id == what]
    return rows[0].value.span.text if rows else None


def _settings(line: CommandLine) -> list[str] | None:
    """The settings of the net that the command is for; None where there is no text to be read."""
    from netdsl.cli.specs import spec_of
    from netdsl.program import load_file

    path = spec_of(line.file) if line.file else None
    try:
        program = load_file(path) if path else None
    except NetError:
        return None
    if program is None or not program.names:
        return None
    definition = program.module.own.get(line.given().get("net") or program.names[0])
    return [p.name.id for p in definition.parameters] if definition is not None else None


def _row(line: CommandLine, word: str, values: Sequence[str]) -> str | None:
    """What a recipe of another program calls its rows: `--accumulate-grad-batches 4`, `--patience 3`."""
    import netdsl.elaborate.terms as terms
    from netdsl.text import foreign

    if "--schedule" not in line.options:
        return None
    name = word.replace("-", "_")
    row = foreign.row(name)
    keyword = row.split()[0] if row else name
    if keyword in ("loss", "metric"):
        row = row or foreign.row("criterion" if keyword == "loss" else "metrics") or keyword
        example = row.removeprefix(keyword).strip()
        return f"write `--{keyword} {quoted(terms.called(next(iter(values), '')) or example)}`"
    if keyword == "data" and row:
        return _data(values, line)
    if row and f"--{keyword}" in line.options:
        from netdsl.elaborate.single_rows import unfit

        why = unfit(keyword, next(iter(values), "…"))
        return (
            f"it is `--{keyword}` here, and {why}" if why else f"write `--{keyword} {_declared(line, keyword, values)}`"
        )
    said = foreign.row_help(name)
    return said.replace("leave the row out", "leave it out") if said else None


def _declared(line: CommandLine, keyword: str, values: Sequence[str]) -> str:
    """The value of an option, an optimizer or a schedule by its name here and with its settings."""
    from netdsl.elaborate.parts import tables, with_settings
    from netdsl.text import foreign

    value = next(iter(values), "…")
    known = tables().get(keyword)
    whole = with_settings(keyword, value, _strays(line, keyword)) if known and value != "…" else None
    return quoted(whole or (foreign.declared(value, known) if known else None) or value)


def _data(values: Sequence[str], line: CommandLine) -> str:
    """`--dataset mnist --data-dir ./mnist`, `--data-path photos`: a set of data is named with its folder."""
    from netdsl.elaborate.parts import tables
    from netdsl.text import foreign

    given, known = line.given(), tables()["data"]
    value = next(iter(values), "…")
    named = [n for w in ("dataset", "data") if (n := foreign.declared(given.get(w, ""), known))]
    name = foreign.declared(value, known) or next(iter(named), None)
    folders = [given[w] for w in ("data-dir", "data-path", "root", "datadir", "data-root") if w in given]
    folder = next(iter(folders), "…" if foreign.declared(value, known) else value)
    if name is None:
        example = f'imagefolder("{folder}")'
        return f"data is named by its kind, as in `--data {quoted(example)}`; there are {', '.join(known)}"
    required = any(f.required for f in known[name].settings())
    text = f'{name}("{folder}")' if required else name
    return f"write `--data {quoted(text)}`"


# ---------------------------------------------------------------- options of several commands


def _device(line: CommandLine, word: str, values: Sequence[str]) -> str | None:
    """`--gpus 1`, `--no-cuda`, `--accelerator gpu`."""
    named = next((kind for kind, words in DEVICES.items() if word in words.split()), None)
    counted, indexed = word in COUNTED.split(), word in INDEXED.split()
    if named is None and not counted and not indexed and word != "device":
        return None
    if "--device" not in line.options:
        return "nothing is trained by this command, which needs no device: leave it out"
    if line.command == "report":
        return "a card has its name there, or its memory: write `--device 'RTX 4090'` or `--device 8GB`"
    value = ",".join(values).strip("[]").lower()
    if value in ("mps", "tpu", "xpu", "hpu", "rocm", "xla"):
        return f"there is no `{value}` for netdsl: write `--device cuda` or `--device cpu`"
    if value == "cpu" or (named == "cpu" and value not in NO) or (named == "cuda" and value in NO):
        return "write `--device cpu`"
    many = [v for v in value.split(",") if v.strip().isdecimal()]
    count = len(many) if len(many) > 1 else int(value) if counted and value.isdecimal() else 1
    if count > 1:
        return SEVERAL.format(count) if line.command == "train" else "write `--device cuda`: one is enough"
    if counted and value == "0":
        return "write `--device cpu` for none, or `--device cuda:0` where that is which"
    exact = indexed and value.isdecimal() and line.command != "compile"
    return f"write `--device cuda:{value}`" if exact else "write `--device cuda`"


def _precision(line: CommandLine, word: str, values: Sequence[str]) -> str | None:
    """`--amp`, `--fp16`, `--mixed-precision bf16`."""
    if word.removeprefix("no-") not in PRECISION.split() or "--precision" not in line.options:
        return None
    value = next(iter(values), "true").lower()
    if value in NO or word.startswith("no-"):
        return "numbers are float32 unless `--precision` says otherwise: leave it out"
    known = next((here for here, words in PRECISIONS.items() if value in words.split()), None)
    own = "bf16" if word == "bf16" else "fp16"
    if known is None and value not in ("true", "yes", "on", "1", "native", "apex"):
        return "write `--precision fp16`, `--precision bf16` or `--precision no`"
    return f"write `--precision {known or own}`"


def _same(line: CommandLine, word: str, values: Sequence[str]) -> str | None:
    """An option that the command has under another name."""
    if word in DATA.split() and "--data" in line.options:
        return _data(values, line)
    if word in ("resume-from", "resume-from-checkpoint", "ckpt-path", "checkpoint", "ckpt") and line.command == "train":
        return _resumed(values[0]) if values else "write `--resume`"
    if word in SIZES.split() and "--size" in line.options:
        return _size(values)
    for text, words in SAME.items():
        option = text.split()[0]
        if word not in words.split() or option not in line.options:
            continue
        if text in ("--format csv", "--format markdown", "--format html") and line.command != "report":
            continue
        if option in NUMBERS and values and not re.fullmatch(r"[\d.e-]+", values[0]):
            continue
        if option in NUMBERS and not values and len(word) == 1:
            continue
        if "VALUE" not in text and next(iter(values), "").lower() in NO and option not in ("--format", "--steps"):
            return "leave it out"
        return f"write `{text.replace('VALUE', quoted(next(iter(values), '…')))}`"
    return None


def _size(values: Sequence[str]) -> str:
    """`--img-size 224`, `--input-size 3 224 224`: the two last are the height and the width."""
    numbers = re.findall(r"\d+", " ".join(values))[-2:]
    if not numbers:
        return "each size has the name that the text gives it, as in `--size H=224,W=224`"
    return f"write `--size H={numbers[0]},W={numbers[-1]}`, with the names that the text gives its sizes"


def _said(line: CommandLine, word: str, values: Sequence[str]) -> str | None:
    for row in SAYS:
        if word in row.words.split() and (not row.commands or line.command in row.commands.split()):
            number = next((v for v in values if v.isdecimal() and v != "0"), row.usual)
            return row.says.format(line.command if line.command != "train" else number)
    return None


def _elsewhere(line: CommandLine, word: str, values: Sequence[str]) -> str | None:
    """An option of `netdsl train` that another command is given."""
    if "--schedule" in line.options:
        return None
    from netdsl.cli.train import ROWS
    from netdsl.text import foreign

    text = next((text for text, words in SAME.items() if word in [text.split()[0][2:], *words.split()]), "")
    row = (foreign.row(word.replace("-", "_")) or "").split()[:1] or [word if word in ROWS else ""]
    option = next((o for o in (text[2:].split()[:1] or [""])[:1] + row if o in ROWS or o == "resume"), None)
    if option is not None:
        value = "" if option == "resume" else f" {quoted(next(iter(values), '…'))}"
        return f"training is told of it: `netdsl train FILE --{option}{value}`"
    if word in SAME["--explain"].split() or word in ("debug", "info"):
        return "leave it out: everything there is to say is printed"
    what, _ = foreign.part(word.replace("-", "_"))
    if (
        what
        or word in ("loss", "metric")
        or foreign.row_help(word.replace("-", "_"))
        or foreign.row(word.replace("-", "_"))
    ):
        return "it belongs to training, which `netdsl train` does: leave it out"
    return None


def _own_setting(line: CommandLine, word: str, values: Sequence[str]) -> str | None:
    """`--width 8`, where the net has such a setting."""
    name = word.replace("-", "_")
    if "--set" not in line.options or name not in (_settings(line) or ()):
        return None
    return f"a setting of the net is given by `--set {name}={quoted(next(iter(values), '…'))}`"


def _setting(line: CommandLine, word: str, values: Sequence[str], first: str) -> str:
    """A setting of the net, a misspelt option, or no word that is known."""
    name, value = word.replace("-", "_"), quoted(next(iter(values), "…"))
    own = _settings(line) if "--set" in line.options else None
    if word in SAME["--explain"].split() or word in ("debug", "info"):
        return "leave it out: everything there is to say is printed"
    near = did_you_mean(first.partition("=")[0] if first.startswith("--") else f"--{word}", line.options)
    if near is not None:
        return near
    known = f"options are {', '.join(line.options)}"
    if own is None and "--set" in line.options and name.isidentifier() and len(name) > 1:
        return f"a setting of the net is given by `--set {name}={value}`; {known}"
    return f"the net has no setting `{name}`; {known}" if own is not None and name.isidentifier() else known
