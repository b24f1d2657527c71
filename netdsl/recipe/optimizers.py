"""The optimizers a `train` section may name, with PyTorch's meanings and defaults."""

from typing import ClassVar

from netdsl.ops.base import RuleError
from netdsl.ops.declared import Declared
from netdsl.ops.fields import Bool, Fraction, NonNegative

OPTIMIZERS: dict[str, type["Optimizer"]] = {}


class Optimizer(Declared, abstract=True):
    """How weights follow their gradients; meanings and defaults are PyTorch's.

    `no_decay` exempts biases and the weights of normalisations (tensors of fewer than two axes) from weight decay.
    `layer_decay` multiplies the rate once more with each layer from the last to the first (`netdsl/graph/depths.py`).
    """

    positional: ClassVar[int] = 1

    lr: NonNegative = 1e-3
    weight_decay: NonNegative = 0.0
    no_decay: Bool = False
    layer_decay: Fraction = 1.0

    def __init_subclass__(cls, abstract: bool = False) -> None:
        super().__init_subclass__(abstract)
        if not abstract:
            OPTIMIZERS[cls.name] = cls

    def slots(self) -> frozenset[str]:
        """What it remembers of each weight, under PyTorch's names; all has the weight's shape, but `step` has none."""
        raise NotImplementedError


class Sgd(Optimizer):
    """Stochastic gradient descent, with momentum if asked (Polyak, 1964; Nesterov, 1983)."""

    lr: NonNegative
    momentum: NonNegative = 0.0
    nesterov: Bool = False
    weight_decay: NonNegative = 0.0
    no_decay: Bool = False
    layer_decay: Fraction = 1.0

    def prepare(self) -> None:
        if self.nesterov and not self.momentum:
            raise RuleError("`nesterov` needs a `momentum` above 0", field="nesterov")

    def slots(self) -> frozenset[str]:
        return frozenset({"momentum_buffer"} if self.momentum else ())


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015); weight decay is added to the gradient."""

    lr: NonNegative = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    no_decay: Bool = False
    layer_decay: Fraction = 1.0

    def prepare(self) -> None:
        for name in ("beta1", "beta2"):
            if getattr(self, name) >= 1:
                raise RuleError(f"`{name}` must be below 1", field=name)

    def slots(self) -> frozenset[str]:
        return frozenset({"step", "exp_avg", "exp_avg_sq"})


class Adamw(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019)."""

    lr: NonNegative = 1e-3
    beta1: Fraction = 0.9
    beta2: Fraction = 0.999
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.01
    no_decay: Bool = False
    layer_decay: Fraction = 1.0


class Rmsprop(Optimizer):
    """RMSprop (Hinton, lecture 6e, 2012)."""

    lr: NonNegative = 1e-2
    alpha: Fraction = 0.99
    eps: NonNegative = 1e-8
    momentum: NonNegative = 0.0
    centered: Bool = False
    weight_decay: NonNegative = 0.0
    no_decay: Bool = False
    layer_decay: Fraction = 1.0

    def slots(self) -> frozenset[str]:
        more = {"momentum_buffer"} if self.momentum else set()
        return frozenset({"step", "square_avg"} | more | ({"grad_avg"} if self.centered else set()))


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, 2011)."""

    lr: NonNegative = 1e-2
    lr_decay: NonNegative = 0.0
    eps: NonNegative = 1e-10
    weight_decay: NonNegative = 0.0
    no_decay: Bool = False
    layer_decay: Fraction = 1.0

    def slots(self) -> frozenset[str]:
        return frozenset({"sum", "step"})
