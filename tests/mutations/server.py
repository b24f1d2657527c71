"""A pytest that collects once and is forked for each change: only the tests that call what is changed are run."""

from __future__ import annotations

import gc
import json
import os
import re
import resource
import select
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from cProfile import Profile
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mutations import ROOT
from mutations.change import Change, Finder
from mutations.place import Loaded, NotInPlace, outermost

PATIENCE = 30
"""Seconds of the clock for one of CPU time: on a busy machine, or where tests wait for something."""
ARGUMENTS = [
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "-m",
    "not slow and not cuda",
    "--continue-on-collection-errors",
    "-s",
]


class Watch:
    """A plugin that notes whether a test failed, and which."""

    def __init__(self) -> None:
        self.failed = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid or "collection"


def forked(work: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
    """What `work` gives in a fork that may use so much CPU time; `{"died": signal}` of one that gives nothing."""
    there, here = os.pipe()
    pid = os.fork()
    if pid == 0:
        _in_fork(work, seconds, here)
    os.close(here)
    try:
        found = _read(there, pid, PATIENCE * seconds)
    finally:
        os.close(there)
        status = os.waitpid(pid, 0)[1]
    return json.loads(found) if found else {"died": os.WTERMSIG(status) if os.WIFSIGNALED(status) else -1}


def _in_fork(work: Callable[[], dict[str, Any]], seconds: float, answer: int) -> None:
    status = 1
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in range(3):
            os.dup2(silence, stream)
        text = json.dumps(work()).encode()
        while text:
            text = text[os.write(answer, text) :]
        status = 0
    finally:
        os._exit(status)


def _read(there: int, pid: int, seconds: float) -> bytes:
    """What the fork writes until it ends; it is ended when that takes too long."""
    found, end = b"", time.monotonic() + seconds
    while time.monotonic() < end:
        if select.select([there], [], [], 1)[0]:
            part = os.read(there, 1 << 16)
            if not part:
                return found
            found += part
    os.kill(pid, signal.SIGKILL)
    return b""


class Server:
    """The plugin: in place of running the tests, `work` is called once they are collected."""

    def __init__(self, cache: Path, work: Callable[[Server], None]) -> None:
        self.cache = cache
        self.work = work
        self.watch = Watch()
        self.items: list[pytest.Item] = []
        self.calls: dict[str, Any] = {}
        """By test: the seconds of CPU time it takes, and the functions that it calls."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.items = session.items
        session.config.pluginmanager.register(self.watch)
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]  # one for all forks
        gc.collect()
        self.loaded = Loaded()
        gc.freeze()
        self._learn()
        self.work(self)
        return True

    def _learn(self) -> None:
        """Which functions each test calls: looked up, or found by running the tests of a file, in a fork."""
        for path in sorted({item.path for item in self.items}):
            kept = self.cache / f"{path.stem}-{sha256(path.read_bytes()).hexdigest()[:12]}.json"
            known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
            items = [i for i in learnt(item for item in self.items if item.path == path) if i.nodeid not in known]
            if items:
                found = forked(lambda items=items: self._calls_of(items), 2000)  # type: ignore[misc]
                if "died" in found:
                    print(f"{path.name}: signal {found['died']}", file=sys.stderr)
                    continue
                known |= found
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(known), encoding="utf-8")
                print(f"{path.name}: {len(found)} tests", file=sys.stderr, flush=True)
            self.calls |= known
        self._suppose()

    def _suppose(self) -> None:
        """Of a test that was not run to learn from: it calls what its like do, in the same time."""
        known: dict[str, list[Any]] = defaultdict(list)
        for test, found in self.calls.items():
            known[alike(test)] += [found] if found else []
        for item in self.items:
            if item.nodeid not in self.calls and (like := known[alike(item.nodeid)]):
                cost = sum(cost for cost, _ in like) / len(like)
                self.calls[item.nodeid] = [cost, sorted({name for _, names in like for name in names})]

    def _calls_of(self, items: Sequence[pytest.Item]) -> dict[str, Any]:
        inside, beside, found = f"{ROOT}/netdsl/", len(f"{ROOT}/"), {}
        for item in items:
            profile = Profile(builtins=False, subcalls=False)
            self.loaded.forget_tests()
            self.watch.failed = ""
            begin = time.process_time()
            profile.enable()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            profile.disable()
            cost = time.process_time() - begin
            codes = {entry.code for entry in profile.getstats()}
            own = {
                f"{c.co_filename[beside:]} {outermost(c)}"
                for c in codes
                if not isinstance(c, str) and c.co_filename.startswith(inside)
            }
            found[item.nodeid] = None if self.watch.failed else [round(cost, 3), sorted(own)]
        return found

    def tests_of(self, change: Change, files: Sequence[str], seconds: float) -> list[pytest.Item]:
        """The tests in these files that call the changed function, telling names and quick ones first."""
        called = f"{change.file} {change.function}"
        allowed, words = {Path(name).name for name in files}, _words(change)
        able = [i for i in self.items if i.path.name in allowed and (c := self.calls.get(i.nodeid)) and called in c[1]]
        able.sort(key=lambda i: (not any(w in i.nodeid.lower() for w in words), self.calls[i.nodeid][0]))
        chosen, sum = [], 0.0
        for item in able:
            sum += self.calls[item.nodeid][0]
            if sum < seconds or not chosen:
                chosen.append(item)
        return chosen

    def attempt(self, change: Change, finder: Finder, files: Sequence[str], seconds: float) -> dict[str, Any]:
        """Whether the tests notice a change: `outcome` with `by`, the first test that did."""
        items = self.tests_of(change, files, seconds)
        if not items:
            return {"outcome": "unreached"}
        expected = sum(self.calls[i.nodeid][0] for i in items)
        found = forked(lambda: self._attempted(change, finder, items), 10 + 4 * expected)
        if "died" in found:
            return {"outcome": "killed", "by": "out of time" if found["died"] in (9, 24) else f"signal {found['died']}"}
        return found

    def _attempted(self, change: Change, finder: Finder, items: Sequence[pytest.Item]) -> dict[str, Any]:
        try:
            self.loaded.make(change, finder)
        except NotInPlace:
            return {"outcome": "reload"}
        for item in items:
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
            if self.watch.failed:
                return {"outcome": "killed", "by": self.watch.failed}
        return {"outcome": "survived", "tests": len(items)}


FEW = 2
"""So many tests that are alike are all learnt from, of more the first."""


def alike(test: str) -> str:
    """What tests of one function with the same words have in common: `test_numbers[conv(4, 3, stride=2)-3 8 8]`."""
    name, _, values = test.partition("[")
    return f"{name}[{re.sub(r'[^A-Za-z_=]+', ' ', values)}"


def learnt(items: Iterable[pytest.Item]) -> Iterator[pytest.Item]:
    """The tests of a file that are run to learn what they call."""
    groups: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        groups[alike(item.nodeid)].append(item)
    for group in groups.values():
        yield from group if len(group) <= FEW else group[:1]


def serve(files: Iterable[str], cache: Path, work: Callable[[Server], None]) -> int:
    """Collect these files of `tests` and do the work."""
    paths = [str(ROOT / "tests" / name) for name in files]
    return int(pytest.main([*ARGUMENTS, "--rootdir", str(ROOT), *paths], plugins=[Server(cache, work)]))


def _words(change: Change) -> set[str]:
    """Words that a test about the changed place has in its name."""
    found = {Path(change.file).stem, *change.function.lower().split(".")}
    if change.kind == "rule":
        found.add(change.what.split()[2].lower())
    return {w.strip("_") for w in found if len(w) > 3} - {
        "gradient",
        "contractions",
        "__init__",
        "base",
        "prepare",
        "result",
    }
