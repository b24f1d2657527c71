"""Texts of nets without what is drawn at random: engines draw numbers of their own, and are compared without."""

import re


def undrawn(text: str) -> str:
    """Dropout drops nothing, and in place of noise stands what it would have the shape of."""
    text = re.sub(r"(dropout|drop_path)\([\d.a-z]+\)", r"\1(0)", text)
    text = re.sub(r"noise\(uniform, \[?(\d+)\]?[^()]*\)", r"flatten -> slice(0, end=\1) -> sigmoid", text)
    text = re.sub(r"noise\(\w+, \[?(?!always)(\w+)\]?(, always=true)?\)", r"flatten -> slice(0, end=\1)", text)
    return re.sub(r"noise\(\w+(, always=true)?\)", "detach", text)
