"""`python -m netdsl.reference docs`: rewrite the generated pages in that folder."""

from __future__ import annotations

import sys
from pathlib import Path

from netdsl.reference import write


def main() -> int:
    """Rewrite the pages of the folder named on the command line."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python -m netdsl.reference DOCS", file=sys.stderr)
        return 2
    changed = write(Path(sys.argv[1]))
    print("\n".join(f"rewrote {name}" for name in changed) or "all pages are current")
    return 0


if __name__ == "__main__":
    sys.exit(main())
