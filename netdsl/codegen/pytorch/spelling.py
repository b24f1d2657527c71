"""The table of PyTorch's rules, which `rules` fills."""

from netdsl.codegen.target import Rules

rules = Rules("pytorch")
"""Rules take the operation and return a `Spelling`."""
