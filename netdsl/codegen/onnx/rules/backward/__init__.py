"""One ONNX rule a form that only passes make, a file a family; importing this package fills the table."""

from importlib import import_module
from pkgutil import iter_modules

for family in iter_modules(__path__):
    import_module(f"{__name__}.{family.name}")
