from netdsl.ops.activation import Cube  # noqa: E402


@rules.lowers(Cube)
def cube(op: Cube) -> Spelling:
    return Spelling(call=Infix("{0} ** 3"))
