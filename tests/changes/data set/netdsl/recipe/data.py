class Dots(Images):
    """A bright dot in the upper or the lower half of an 8×8 picture, 100 of each."""

    native: ClassVar[tuple[int, int, int]] = (1, 8, 8)

    def class_names(self) -> tuple[str, ...]:
        return ("above", "below")
