"""`make fuzz SEED=0 SECONDS=60`: judge the texts of a seed, shrink what breaks a rule, keep it under `findings`."""

from __future__ import annotations

import os
import re
import sys
import time
from hashlib import sha256
from itertools import count

from fuzz import FINDINGS
from fuzz.oracle import Breach
from fuzz.shrink import shrunk
from fuzz.texts import text
from fuzz.worker import Worker

RENEWED = 2000
"""After that many texts the process that judges is started anew."""


def main() -> int:
    """Run for SECONDS (60), or over COUNT texts from FIRST (0) on, of SEED (0); with DEEP nets are run."""
    seed, first = (int(os.environ.get(name) or 0) for name in ("SEED", "FIRST"))
    many = int(os.environ.get("COUNT") or 0)
    end = time.monotonic() + float(os.environ.get("SECONDS") or 60)
    kept: dict[str, int] = {}
    number = first
    with Worker(deep=bool(os.environ.get("DEEP"))) as worker:
        for number in count(first):
            if number - first >= many if many else time.monotonic() > end:
                break
            progress(seed, number, kept)
            if (number - first) % RENEWED == RENEWED - 1:
                worker.stop()
            found = worker.judge(text(seed, number))
            if found is not None:
                explain(worker, seed, number, found, kept)
        slowest = worker.slowest
    print(
        f"{number - first} texts of seed {seed}, {sum(kept.values())} findings, slowest command {slowest:.1f} s of CPU time"
    )
    return 1 if kept else 0


def progress(seed: int, number: int, kept: dict[str, int]) -> None:
    if number % 200 == 0:
        print(f"seed {seed}, text {number}, {sum(kept.values())} findings", file=sys.stderr, flush=True)


def explain(worker: Worker, seed: int, number: int, found: Breach, kept: dict[str, int]) -> None:
    """Shrink what was found, and keep it unless it is one of those."""
    data = text(seed, number)
    worker.stop()
    again = worker.judge(data)
    if again is None:
        print(f"text {number} of seed {seed} breaks nothing alone: {found.rule}: {found.said}")
        return
    seen = alike(again)
    kept[seen] = kept.get(seen, 0) + 1
    if kept[seen] > 1:
        return
    small = shrunk(data, lambda less: (b := worker.judge(less)) is not None and alike(b) == seen)
    last = worker.judge(small) or again
    path = FINDINGS / f"{again.rule.replace(' ', '-')}-{sha256(small).hexdigest()[:8]}.net"
    path.write_bytes(f"# {' '.join(last.rule.split())}: {' '.join(ascii(last.said).split())[:300]}\n".encode() + small)
    print(
        f"text {number} of seed {seed}: {last.rule}: {last.said[:600]}\n  kept in {path}\n{small.decode('utf-8', 'replace')}\n",
        flush=True,
    )


def alike(breach: Breach) -> str:
    """What tells one kind of finding from another: the rule, and what was said without names and numbers."""
    said = re.sub(r"`[^`]*`|\"[^\"]*\"|'[^']*'|\d+", "", breach.said)
    return f"{breach.rule} {said[:60] if breach.rule in CLOSER else ''}"


CLOSER = ("internal", "raised", "died", "exit code")
"""Rules that different faults break; a shrunk text shall be one of the same fault."""


if __name__ == "__main__":
    sys.exit(main())
