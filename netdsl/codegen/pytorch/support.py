"""What an emitted file may have to contain besides its own classes: self-contained source by name.

A `Spelling` names what it needs in `support`; nothing else of these entries reaches a file.
"""

from __future__ import annotations

from netdsl.codegen.pytorch.support_functions import FUNCTIONS
from netdsl.codegen.pytorch.support_layers import LAYERS

SUPPORT: dict[str, str] = {**LAYERS, **FUNCTIONS}
"""Name of a class or function to its source, which needs nothing but `torch`, `nn` and `F`."""
