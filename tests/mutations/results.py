"""What was found: a line for each change in `results.jsonl`, from which `RESULTS.md` is made."""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

from mutations.change import Change
from mutations.reasons import REASONS

Result = dict[str, Any]


class Results:
    """The file of results. A line is added as soon as a change was tried, so that a run can be broken off."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.found: dict[str, Result] = {}
        for line in lines:
            result = json.loads(line)
            self.found[result["key"]] = result

    def add(self, room: str, change: Change, outcome: Result) -> None:
        result = {"room": room, "kind": change.kind, "key": change.key, "line": change.line, **outcome}
        self.found[change.key] = result
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(result, ensure_ascii=False) + "\n")

    def keep(self, keys: Container[str]) -> None:
        """Forget all others: changes of a text that is no longer so, or of another seed."""
        self.found = {key: result for key, result in self.found.items() if key in keys}

    def sorted(self) -> list[Result]:
        return sorted(self.found.values(), key=lambda r: (r["kind"] not in WHOLE, r["room"], r["key"]))

    def write(self) -> None:
        lines = [json.dumps(result, ensure_ascii=False) for result in self.sorted()]
        self.path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


WHOLE = {"rule": "rule deleted", "gradient": "sign of a gradient turned", "factor": "factor of a contraction dropped"}


def page(results: Iterable[Result], seed: int) -> str:
    """What was found, to be read."""
    found = list(results)
    groups = {f"{text}, {room}": [r for r in found if (r["kind"], r["room"]) == (kind, room)]
              for kind, text in WHOLE.items() for room in dict.fromkeys(r["room"] for r in found)}  # fmt: skip
    small = [r for r in found if r["kind"] not in WHOLE]
    groups |= {
        f"others, {room}": [r for r in small if r["room"] == room] for room in dict.fromkeys(r["room"] for r in small)
    }
    groups["others, all rooms"] = small
    return "\n".join([*_head(seed), *_table(groups), "", *_survivors(found)]) + "\n"


def _head(seed: int) -> list[str]:
    return [
        "# What the tests notice",
        "",
        "Made by `make mutations`; the list of all changes, with the test that noticed each, is `results.jsonl`.",
        f"Deleted rules, turned gradients and dropped factors are all there are; the others are a sample, of seed {seed}.",
        "Where `SECONDS` is small a survivor may be noticed by tests that were left out: `make mutations AGAIN=1` asks again.",
        "",
    ]


def _table(groups: dict[str, list[Result]]) -> Iterator[str]:
    yield "| changes | tried | noticed | share | survivors | of these without effect |"
    yield "|---|---:|---:|---:|---:|---:|"
    for name, results in groups.items():
        if results:
            lost = [r for r in results if r["outcome"] != "killed"]
            same = sum(REASONS.get(r["key"], "").startswith("equivalent") for r in lost)
            killed = len(results) - len(lost)
            share = f"{100 * killed / len(results):.1f} %"
            yield f"| {name} | {len(results)} | {killed} | {share} | {len(lost)} | {same} |"


def _survivors(found: list[Result]) -> Iterator[str]:
    yield "## Survivors"
    yield ""
    for result in found:
        if result["outcome"] != "killed":
            reason = REASONS.get(result["key"]) or f"not tested: {NOT_TESTED[result['outcome']]}"
            yield f"- `{result['key'].replace('`', chr(39))}` (line {result['line']}): {reason}"


NOT_TESTED = {
    "survived": "tests run it, and none of them notices",
    "unreached": "no test of its room runs it",
}
