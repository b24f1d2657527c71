"""`make mutations`: make the changes that have no result yet, and write what was found.

`SEED=0` draws, `COUNT=60` of each room; `KIND=rule,gradient,factor,small` and `ROOM=ops,dims` restrict it;
`ONLY` is a pattern that keys have; `FILES` are test files in place of those of the rooms.
`AGAIN=1` tries survivors anew, `FRESH=1` everything; `SECONDS=25` of CPU time is what the tests of a change may take.
`FOLDER` is where `results.jsonl` and `RESULTS.md` are written.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from mutations import ROOT
from mutations.change import Change, Finder
from mutations.hook import attempt
from mutations.results import Results, page
from mutations.rooms import FINDERS, ROOMS, WHOLE, drawn, everywhere
from mutations.server import Server, serve

CACHE = ROOT / ".cache" / "mutations"
LIBRARIES = (
    "torch",
    "numpy",
    "onnx",
    "onnxruntime",
    "hypothesis",
    "lark",
    "pydantic",
    "rich",
    "safetensors",
    "sklearn",
)

Work = list[tuple[str, Change]]


def setting(name: str, default: str) -> str:
    return os.environ.get(name) or default


def files_of(room: str) -> list[str]:
    return setting("FILES", "").split() or ROOMS[room].files()


def wanted() -> Iterator[tuple[str, Change]]:
    """All changes of this run, with their rooms."""
    kinds, rooms = setting("KIND", ",".join(FINDERS)).split(","), setting("ROOM", ",".join(ROOMS)).split(",")
    for kind in WHOLE:
        if kind in kinds:
            yield from ((room, change) for room, change in everywhere(kind) if room in rooms)
    if "small" in kinds:
        for room in ROOMS:
            if room in rooms:
                count, seed = int(setting("COUNT", "60")), int(setting("SEED", "0"))
                yield from ((room, change) for change in drawn(room, seed, count))


def finder(change: Change) -> Finder:
    return FINDERS.get(change.kind, FINDERS["small"])


def told(results: Results, room: str, change: Change, outcome: dict[str, object]) -> None:
    results.add(room, change, outcome)
    print(f"{time.strftime('%H:%M:%S')} {outcome['outcome']:9} {change.key}  {outcome.get('by', '')}", flush=True)


def in_place(todo: Work, results: Results) -> None:
    """Changes of functions, in forks of one process that has collected the tests."""
    seconds = float(setting("SECONDS", "25"))

    def work(server: Server) -> None:
        for room, change in todo:
            told(results, room, change, server.attempt(change, finder(change), files_of(room), seconds))

    if not todo:
        return
    files = dict.fromkeys(name for room, _ in todo for name in files_of(room))
    pid = os.fork()
    if pid == 0:
        os._exit(serve(files, CACHE, work))
    os.waitpid(pid, 0)


def imported(todo: Work, results: Results) -> None:
    """Changes outside of functions, in forks of this process, which has imported nothing of the package."""
    seconds = 2 * float(setting("SECONDS", "25"))
    for room, change in todo:
        told(results, room, change, attempt(change, finder(change), files_of(room), seconds))


def outside(change: Change) -> bool:
    """Whether it takes effect while its module is imported, and not later."""
    early = not change.function or change.function.endswith((".", ".__init_subclass__"))
    return change.kind not in WHOLE and early


def main() -> int:
    folder = Path(setting("FOLDER", str(Path(__file__).parent)))
    results = Results(folder / "results.jsonl")
    every = [(room, change) for room, change in wanted() if re.search(setting("ONLY", ""), change.key)]
    fresh, again = bool(setting("FRESH", "")), bool(setting("AGAIN", ""))
    done = {k for k, r in results.found.items() if r["outcome"] == "killed" or not (again or r["outcome"] == "reload")}
    todo = [(room, change) for room, change in every if fresh or change.key not in done]
    print(f"{len(every)} changes, {len(todo)} to be tried", flush=True)
    if todo:
        attempt_all(todo, results.path)
    results = Results(results.path)
    if not any(os.environ.get(name) for name in ("KIND", "ROOM", "ONLY")):
        results.keep({change.key for _, change in every})
    results.write()
    (folder / "RESULTS.md").write_text(page(results.sorted(), int(setting("SEED", "0"))), encoding="utf-8")
    return 0


def attempt_all(todo: Work, path: Path) -> None:
    if not setting("FILES", ""):
        for library in LIBRARIES:
            import_module(library)
    in_place([(r, c) for r, c in todo if not outside(c)], Results(path))
    late = {k for k, r in Results(path).found.items() if r["outcome"] == "reload"}
    imported([(r, c) for r, c in todo if outside(c) or c.key in late], Results(path))


if __name__ == "__main__":
    sys.exit(main())
