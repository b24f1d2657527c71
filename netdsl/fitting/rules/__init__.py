"""What PyTorch keeps of each operation; importing this package fills the table."""

from netdsl.fitting.rules import attention, elementwise, layers, losses, noise, normalize, recurrent, shapes

__all__ = ["attention", "elementwise", "layers", "losses", "noise", "normalize", "recurrent", "shapes"]
