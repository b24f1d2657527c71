"""From syntax to graph: names resolved, settings read, blocks and loops unrolled, sizes decided."""

from netdsl.elaborate.files import Library, Module
from netdsl.elaborate.nets import elaborate

__all__ = ["Library", "Module", "elaborate"]
