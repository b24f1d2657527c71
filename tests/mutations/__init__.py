"""Whether the tests would notice a mistake: small changes of the package, each run against the tests of its room.

`make mutations` makes the changes and runs the tests; what it finds stands in `results.jsonl` and, to be read, in
`RESULTS.md`. `whole.py` are changes made at every place there is: each rule deleted, the sign of each gradient turned,
each factor of each contraction dropped. `small.py` are all other small changes, of which a seed draws a sample.

Neither mutmut nor cosmic-ray does this. mutmut leaves decorated functions alone, which is what every rule of a target
is, and draws no sample. cosmic-ray changes the files of the checkout and starts a test run for each change, which takes
longer than most of the tests here, since torch and the tests are loaded anew. Here they are loaded once: a process that
has collected the tests is forked for each change, the changed functions take the place of theirs in the fork, and only
the tests that call them are run (`server.py`). What is changed outside of functions is imported changed (`hook.py`).
Nothing is written into the package.
"""

from pathlib import Path

TESTS = Path(__file__).parent.parent
ROOT = TESTS.parent
