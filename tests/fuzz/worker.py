"""Texts are judged in another process, under a bound of time and of memory; one that dies of a text is a finding."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from fuzz import oracle
from fuzz.oracle import Answer, Breach

TESTS = Path(__file__).parent.parent
SECONDS = 12
"""CPU time of one command on one text. What the limits of the language allow takes about one, but where the frames of
Python happen to end at a page, system time multiplies it."""
DEEP = 60
"""CPU time of a net that is run on both engines."""
MEMORY = 256 * 2**20
"""Bytes of address space beyond what the process has when it starts."""
PATIENCE = 300
"""Seconds of the clock for all commands on one text: a text that waits for something."""


class Worker:
    """A process that judges texts, started when it is needed and again when it died."""

    def __init__(
        self,
        seconds: int = SECONDS,
        memory: int = MEMORY,
        deep: bool = False,
        program: Sequence[str] = ("-m", "fuzz.worker"),
    ):
        self.bounds = (DEEP, 0, 1) if deep else (seconds, memory, 0)
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.slowest = 0.0
        """CPU seconds of the slowest command so far."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None

    def judge(self, data: bytes) -> Breach | None:
        """The first rule that a text breaks; the death of the process is one."""
        process = self.process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b64encode(data) + b"\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        line = process.stdout.readline() if ready else b""
        if not line:
            return self._died(waited=not ready)
        said = json.loads(line)
        self.slowest = max(self.slowest, said["slowest"])
        return Breach(*said["breach"]) if said["breach"] else None

    def _start(self) -> subprocess.Popen[bytes]:
        bounds = map(str, self.bounds)
        paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
        self.process = subprocess.Popen(
            [sys.executable, *self.program, *bounds], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths},
        )  # fmt: skip
        return self.process

    def _died(self, waited: bool) -> Breach:
        process, self.process = self.process, None
        assert process is not None
        process.kill() if waited else process.wait()
        _, err = process.communicate()
        if waited:
            return Breach("waits", f"more than {PATIENCE} s")
        if process.returncode == -signal.SIGXCPU:
            return Breach("too long", f"more than {self.bounds[0]} s of CPU time")
        return Breach("died", f"exit code {process.returncode}: {err.decode('utf-8', 'replace')[-500:]}")


# ---------------------------------------------------------------- in the process itself


class Timed:
    """Commands under a bound of CPU time each, beyond which the process is killed."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        self.slowest = 0.0

    def ask(self, arguments: Sequence[str], data: bytes) -> Answer:
        before = used()
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (int(before) + 1 + self.seconds, most))
        answer = oracle.ask(arguments, data)
        self.slowest = max(self.slowest, used() - before)
        return answer


def used() -> float:
    """CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def confine(memory: int) -> None:
    """Allow that many bytes more than there are now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else 0
    most = pages * resource.getpagesize() + memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def run(data: bytes) -> Breach | None:
    """What running its nets shows; PyTorch is only loaded for that."""
    from fuzz import deep

    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used()) + 1 + DEEP, most))
    return deep.judge(data)


def serve(seconds: int, memory: int, deep: bool = False) -> None:
    """Judge a text a line, from standard input; answer a line each. With `deep` its nets are run as well."""
    timed = Timed(seconds)
    with tempfile.TemporaryDirectory() as folder:
        oracle.prepare(folder)
        if memory:
            confine(memory)
        for line in sys.stdin.buffer:
            data = b64decode(line)
            breach = oracle.judge(data, timed.ask)
            if deep and breach is None:
                breach = run(data)
            print(json.dumps({"breach": breach, "slowest": timed.slowest}), flush=True)
        os.chdir("/")


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:4]]
    serve(given[0], given[1], bool(given[2]))
