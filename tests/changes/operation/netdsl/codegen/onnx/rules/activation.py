from netdsl.ops.activation import Cube  # noqa: E402


@rules.lowers(Cube)
def cube(op: Cube, inputs: Sequence[TensorName], build: Builder) -> TensorName:
    (x,) = inputs
    return build.node("Mul", (build.node("Mul", (x, x)), x))
