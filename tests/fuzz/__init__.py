"""The fuzzer: texts changed and drawn by a seed, what must hold of any text, and the smallest text that breaks it.

`make fuzz` runs it; `tests/house/test_fuzz.py` runs a little of it and all that it ever found (`findings/`).
"""

from pathlib import Path

FINDINGS = Path(__file__).parent / "findings"
"""Texts that broke a rule: a first line that says which, then the text, as small as it could be made."""
