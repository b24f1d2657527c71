class Cube(Activation):
    """`x³`: two FLOPs an element."""

    example: ClassVar[str] = "image [3, 8, 8] -> cube"
    flops_each: ClassVar[int] = 2

    def gradient(self, tape: Tape, results: tuple[Value, ...], outgoing: tuple[Value | None, ...]) -> Gradients:
        return {"x": tape(Mul, (outgoing[0], tape.number(3.0), self.x, self.x))}
