"""A picture of a net, which is written as SVG or PNG."""

from __future__ import annotations

from netdsl.base.asking import public
from netdsl.base.record import entity
from netdsl.drawing.places import Sheet


@entity
class Diagram(Sheet):
    """What is drawn of a net: boxes and arrows with their places."""

    @public()
    def svg(self, *, styled: bool = True) -> str:
        """The picture as SVG; without `styled` it leaves how it looks to the page that it stands in."""
        from netdsl.drawing.svg import written

        return written(self, styled)

    @public()
    def png(self, scale: float = 2.0) -> bytes:
        """The picture as PNG, `scale` pixels for one of the picture. Raises `DrawingError` where that is too large."""
        from netdsl.drawing.png import rendered

        return rendered(self.svg(), (self.width, self.height), scale)
