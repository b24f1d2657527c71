"""The card of a run, `README.md` in its folder: what was trained, how well, by what, and how to go on with it.

It is made of the files of the folder alone, so that whatever changes them can make it anew.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from netdsl.base.errors import RunError
from netdsl.base.files import replace_text
from netdsl.graph import Net, Recipe
from netdsl.recipe import SETTINGS
from netdsl.runtime.runs.evaluations import PICTURES, SPLITS, kept_at, read_evaluation
from netdsl.runtime.runs.folder import CURVES, RunFolder
from netdsl.runtime.runs.front import Score, front_matter
from netdsl.runtime.runs.history import best_of, read_history
from netdsl.runtime.runs.lock import FolderLock
from netdsl.runtime.runs.made import FAILED, FINISHED, INTERRUPTED, LOST, RunSession, read_sessions
from netdsl.runtime.runs.recipes import pipeline, recipe_of, setting_words, written

MARK = "<!-- Written anew after training and evaluation. Without this line the page is yours, and stays as it is. -->"
HEAD = 1 << 16
"""Bytes of a page in which the mark is looked for."""
LINES = 150
"""Of the text of a net that the card shows; a longer one it points to."""

CardRow = Mapping[str, Any]


def write_card(folder: RunFolder) -> str | None:
    """Make the card anew; what to say where another page has its place. `RunError` of files that cannot be read."""
    path = folder.card
    if (path.exists() or path.is_symlink()) and not is_card(path):
        return f"{path} is no card of a run: it stays as it is"
    replace_text(path, card(folder))
    return None


def renew_card(folder: RunFolder) -> str | None:
    """As `write_card`, where nobody trains in the folder: who does makes it anew in the end."""
    try:
        lock = FolderLock(folder.path)
    except RunError:
        return None
    try:
        return write_card(folder)
    finally:
        lock.release()


def is_card(path: Path) -> bool:
    """Whether a page is a card that may be written anew."""
    try:
        if path.is_symlink() or not path.is_file():
            return False
        with path.open("rb") as file:
            return MARK.encode() in file.read(HEAD)
    except OSError:
        return False


def card(folder: RunFolder) -> str:
    """The text of the card."""
    net, stored, sessions = folder.load_net(), folder.stored(), read_sessions(folder.made)
    history = read_history(folder.metrics)
    recipe, best, found = recipe_of(net), best_of(history), evaluations_of(folder)
    parts = [
        front_matter(net, recipe, scores(net, best, found)),
        MARK,
        f"# {net.name}",
        *([opening(net.doc)] if net.doc.strip() else []),
        state_of(sessions, history, recipe),
        *_scored(history, best, found),
        *_pictures(folder, found),
        "## Net",
        *_net(net, stored),
        "## Data and recipe",
        fenced("\n".join(_recipe(recipe))),
        *_samples(sessions),
        "## Use",
        *_use(net, stored, sessions),
        "## Made by",
        *_made(sessions),
    ]
    return "\n\n".join(parts) + "\n"


# ---------------------------------------------------------------- how far it is, and how good


def opening(doc: str) -> str:
    """The first paragraph of what a text says of its net, in one line."""
    return plain(" ".join(doc.strip().split("\n\n")[0].split()))


def plain(text: str) -> str:
    """A text of which Markdown makes nothing."""
    return re.sub(r"([\\`*_{}\[\]<>#|!~])", r"\\\1", text)


def fenced(text: str, word: str = "") -> str:
    """A text as it stands, whatever is in it."""
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{word}\n{text.strip(chr(10))}\n{fence}"


def state_of(sessions: Sequence[RunSession], history: Sequence[CardRow], recipe: Recipe) -> str:
    """One sentence: how far the run is, and why no further."""
    epochs, done = int(recipe.settings.get("epochs", SETTINGS["epochs"].default)), len(history)
    last = sessions[-1] if sessions else None
    step = last.reached[1] if last is not None and last.reached[0] == done else 0
    so_far = f"{done} of {epochs} epochs" + (f" and {step} steps of the next one" if step else "")
    if last is None:
        return f"Trained for {so_far}."
    if last.state == FINISHED:
        return f"Trained to the end: {so_far}" + (f" ({plain(last.why)})." if last.why else ".")
    if last.state == INTERRUPTED:
        return f"**Not finished**: interrupted after {so_far}."
    if last.state == FAILED:
        return f"**Not finished**: it went wrong after {so_far}: {plain(last.why)}"
    if last.state == LOST:
        return f"**Not finished**: broken off after {so_far}."
    return f"**Not finished**: {so_far} were done on {last.written}, when this was written."


def scores(net: Net, best: CardRow | None, found: Mapping[str, CardRow]) -> list[Score]:
    """What the weights that are kept have scored, by split."""
    known = {"validation": best["validation"]} if best is not None and best["validation"] is not None else {}
    known |= found
    return [
        Score(split, name, float(value))
        for split, row in known.items()
        for name, value in {**row["metrics"], "loss": row["loss"]}.items()
        if math.isfinite(value)
    ]


def evaluations_of(folder: RunFolder) -> dict[str, CardRow]:
    """By split: what the weights that are kept were found to score; nothing that is older than they are."""
    if not folder.weights.is_file():
        return {}
    since, found = folder.weights.stat().st_mtime_ns, dict[str, CardRow]()
    for split in SPLITS:
        path = kept_at(folder.path, split)
        if path.is_file() and path.stat().st_mtime_ns >= since and (row := read_evaluation(path)) is not None:
            found[split] = row
    return found


def _scored(history: Sequence[CardRow], best: CardRow | None, found: Mapping[str, CardRow]) -> Iterator[str]:
    yield "## Scores"
    if best is None:
        yield "There are no weights yet." if not history else "No epoch was the best: no weights are kept."
        return
    columns = [(f"epoch {best['epoch']}, {part}", best[part]) for part in ("train", "validation") if best[part]]
    if history[-1] is not best:
        last = history[-1]
        columns += [(f"epoch {last['epoch']}, {part}", last[part]) for part in ("train", "validation") if last[part]]
    columns += [(f"evaluated, {split}", row) for split, row in found.items()]
    names = list(dict.fromkeys(name for _, row in columns for name in row["metrics"]))
    cells = [["", *(head for head, _ in columns)], ["---", *("---:" for _ in columns)]]
    cells += [["loss", *(number(row["loss"]) for _, row in columns)]]
    cells += [[plain(name), *(number(row["metrics"].get(name)) for _, row in columns)] for name in names]
    yield table(cells)
    yield f"The weights are those of epoch {best['epoch']}, the best so far."


def _pictures(folder: RunFolder, found: Iterable[str]) -> Iterator[str]:
    """Those that were drawn of the training and of evaluations."""
    if folder.curves.is_file():
        yield f"![Loss and metrics by epoch]({CURVES})"
    for split in found:
        drawn = [(name, kept_at(folder.path, split, picture=name)) for name in PICTURES]
        yield from (f"![{name}, {split} split]({path.name})" for name, path in drawn if path.is_file())


def number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def table(cells: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in cells)


# ---------------------------------------------------------------- net and recipe


def _net(net: Net, stored: Mapping[str, Any]) -> Iterator[str]:
    trained = sum(w.elements for _, w in net.weights() if w.trainable and not w.buffer)
    inputs, outputs = (
        ", ".join(f"`{name}` {type}" for name, type in ports)
        for ports in ([(v.name, v.type) for v in net.fed], [(o.name, o.value.type) for o in net.answers])
    )
    yield f"{inputs} → {outputs}; {trained:,} weights that are trained."
    spec, source = stored["spec"], net.span.source.text if net.span is not None else ""
    if source.count("\n") <= LINES:
        yield fenced(source, "net")
    else:
        yield f"The text is in [spec/{plain(spec)}](<spec/{spec}>)."
    if stored["settings"]:
        yield "With " + ", ".join(f"`{name} = {value}`" for name, value in stored["settings"].items()) + "."


def _recipe(recipe: Recipe) -> Iterator[str]:
    """The rows in force, as an author would write them; what losses and metrics are stands in the text."""
    data: Any = recipe.data
    yield f"data      {written(data) if data is not None else 'handed over by a program'}"
    yield from [f"augment   {pipeline(recipe.augment)}"] if recipe.augment else ()
    yield from (f"loss      {term.name}" for term in recipe.losses)
    yield from (f"metric    {term.name}" for term in recipe.metrics)
    for turn in recipe.turns:
        part = f" # {turn.name}" if turn.name else ""
        yield f"optimizer {written(turn.optimizer)}{part}"
        yield f"schedule  {written(turn.schedule)}{part}"
    yield from [f"weights   {written(recipe.weights)}"] if recipe.weights is not None else ()
    for name, field in SETTINGS.items():
        value = recipe.settings.get(name, field.default)
        if value != field.default or name in ("epochs", "batch", "seed"):
            yield f"{name:<9} {setting_words(value)}"


def _samples(sessions: Sequence[RunSession]) -> Iterator[str]:
    if sessions and any(sessions[-1].samples.values()):
        yield "Samples: " + ", ".join(f"{many:,} {name}" for name, many in sessions[-1].samples.items() if many) + "."


# ---------------------------------------------------------------- what to do with it


def _use(net: Net, stored: Mapping[str, Any], sessions: Sequence[RunSession]) -> Iterator[str]:
    """Commands, with `RUN` for the folder."""
    samples = sessions[-1].samples if sessions else {}
    split = next((name for name in ("test", "validation", "train") if samples.get(name)), "test")
    chosen = "" if split == "test" else f" --split {split}"
    text = shlex.quote(f"RUN/spec/{stored['spec']}")
    which = [f"--net {net.name}", *(f"--set {shlex.quote(f'{k}={v}')}" for k, v in stored["settings"].items())]
    compiled = f"netdsl compile {text} {' '.join(which)} --weights RUN/weights.safetensors"
    declared = stored["recipe"]["data"] is not None
    lines = [
        *(
            [f"netdsl predict RUN 0{chosen}", f"netdsl evaluate RUN{chosen}"]
            if declared
            else ["netdsl predict RUN FILE"]
        ),
        *(["netdsl train RUN --resume"] if declared else []),
        f"{compiled} --to onnx -o {net.name.lower()}.onnx",
        f"netdsl compile {text} {' '.join(which)} --to pytorch -o {net.name.lower()}.py",
    ]
    where = f"its {split} split; a file or a folder of them may stand there too" if declared else ""
    yield "With this folder as `RUN`" + (f", and 0 for a sample of {where}" if where else "") + ":"
    yield fenced("\n".join(lines), "sh")
    if not declared:
        yield "It was trained on what a program handed over: `netdsl.evaluate(\"RUN\", data={…})` scores, and " \
            "`netdsl.train(None, \"RUN\", resume=True, data={…})` goes on."  # fmt: skip


def _made(sessions: Sequence[RunSession]) -> Iterator[str]:
    if not sessions:
        yield "Nothing is kept of what made it."
        return
    head = ["began (UTC)", "epochs", "ended", "engine", "device", "time", "memory"]
    rows = [[s.began, _epochs(s), s.state, s.engine, _device(s), _time(s.seconds), _memory(s)] for s in sessions]
    yield table([head, ["---"] * len(head), *([plain(cell) for cell in row] for row in rows)])
    last = sessions[-1]
    yield (
        "Last with " + ", ".join(f"{name} {version}" for name, version in last.versions.items()) + f" on {last.system}."
    )
    if last.revision is not None:
        changed = ", ".join(f"`{name}`" for name in last.revision.changed)
        yield f"Text of commit `{last.revision.commit}`" + (f", where {changed} differs." if changed else ".")
    yield fenced(shlex.join(last.command), "sh")


def _epochs(session: RunSession) -> str:
    first, last = session.start[0], session.reached[0]
    return f"{first + 1} to {last}" if last > first else "none whole"


def _device(session: RunSession) -> str:
    return session.device + (f", {session.processes} processes" if session.processes > 1 else "")


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _memory(session: RunSession) -> str:
    """The most that was held, of the process and of the device."""
    own = [(session.memory, ""), (session.device_memory, " on the device")]
    return ", ".join(f"{held / 2**20:,.0f} MiB{where}" for held, where in own if held is not None) or "not known"
