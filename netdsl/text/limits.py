"""What a text may hold, and what is said about it: whatever these numbers allow, `check` answers in about a second.

Those of what a text unrolls to (layers, steps of work, numbers in a tensor) stand where that is counted.
"""

from __future__ import annotations

from typing import Final

BYTES: Final = 1_000_000
"""What a file may hold, and a file together with those that it uses."""
LINE: Final = 50_000
"""Letters of a line."""
WORDS: Final = 100_000
"""Words, signs, comments and ends of lines of a file together with those that it uses."""
NAME: Final = 100
"""Letters of a name."""
NESTING: Final = 100
"""Brackets and operators that may enclose one another: later stages walk the tree by recursion."""
NETS: Final = 1_000
"""Nets of a file, each of which `check` builds."""
RECIPES: Final = 1_000
"""`train` sections of a file, each of which `check` looks at."""
USES: Final = 1_000
"""`use` rows of a file together with those that it uses."""

MISTAKES: Final = 20
"""So many mistakes of a file, and of those that it uses, are told of."""
WARNINGS: Final = 100
"""So many warnings are."""
MESSAGE: Final = 1_000
"""Letters of a message, or of one of its notes."""
FOREIGN: Final = 10 * MESSAGE
"""Letters of a call that is read as one of another framework: what a longer one means would fill no message."""
LABELS: Final = 20
"""Places, and notes, of one message."""
QUOTED: Final = 100
"""Letters without a space that a message quotes in one piece."""
