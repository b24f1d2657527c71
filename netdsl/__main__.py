"""The command in a process of its own: `netdsl`, or `python -m netdsl`."""

import gc
import sys

from netdsl.cli import carried_out, leave

YOUNG = 50_000
"""So many new objects are looked through at once: modules and trees last, and with Python's 700 they cost 6 %."""


def main() -> None:
    gc.set_threshold(YOUNG)
    leave(carried_out(sys.argv[1:]), owned=True)


if __name__ == "__main__":
    main()
