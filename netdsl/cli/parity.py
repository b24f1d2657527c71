"""`netdsl parity FILE`: PyTorch and onnxruntime side by side on the same input.

Compute a net with PyTorch and with onnxruntime, on the same input with the same weights, and print the largest
difference. Exit code 1 when it is above the tolerance.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from netdsl.cli.opening import open_net, told_weights
from netdsl.cli.options import add_net, add_size, add_weights, count, positive, weights_in, whole


def add_arguments(parser: ArgumentParser) -> None:
    add_net(parser)
    add_size(parser)
    add_weights(parser, "what both compute with (default: drawn from the seed)")
    parser.add_argument("--seed", type=whole, default=0, help="draws weights and input")
    parser.add_argument("--batch", type=count, default=2, help="samples at a time (default: 2)")
    parser.add_argument("--tolerance", type=positive, default=1e-3, help="largest relative difference (default: 0.001)")


def run(given: Namespace) -> int:
    from netdsl.runtime.parity import parity

    net = open_net(given).say()
    found = parity(net, told_weights(net, weights_in(given)), given.size or None, given.seed, given.batch)
    at = "".join(f", {s} = {n}" for s, n in found.sizes.items())
    print(f"{found.net}, batch {found.batch}{at}: PyTorch against onnxruntime")
    for difference in found.outputs:
        shape = "×".join(map(str, difference.shape))
        print(
            f"  {difference.output:<16} {shape:<20} largest difference {difference.absolute:.3g} "
            f"({difference.relative:.3g} of the largest value)"
        )
    if found.still:
        print("noise at inference is left out: each engine draws numbers of its own")
    return 0 if found.worst <= given.tolerance else 1
