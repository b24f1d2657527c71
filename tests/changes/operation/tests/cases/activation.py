CASES += [use("cube", "3 4 5", costs=(2 * 60, 0)), use("cube", "3 H W")]


@reference
def cube(g: Given) -> Tensor:
    return g.x * g.x * g.x
