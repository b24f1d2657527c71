"""Initial values of other programs: what is offered for them checks, with the author's numbers."""

from __future__ import annotations

import pytest

from netdsl.program import check_text

MEANT = {
    "normal(mean=0, std=0.02)": "normal(0.02)", "gaussian(std=0.01)": "normal(0.01)", "normal(0, 0.3)": "normal(0.3)",
    "trunc_normal(0.02)": "truncated_normal(0.02)", "nn.init.normal_(std=0.02)": "normal(0.02)",
    "RandomNormal(mean=0.0, stddev=0.07)": "normal(0.07)", "random_normal": "normal(0.05)",
    "RandomUniform(minval=-0.1, maxval=0.1)": "uniform(0.1)", "uniform(-0.1, 0.1)": "uniform(0.1)",
    "uniform(a=-0.1, b=0.1)": "uniform(0.1)", "Constant(value=0.1)": "constant(0.1)", "zeros_()": "zeros",
    "kaiming_normal(mode=fan_in)": "he_normal", "glorot_uniform(seed=3)": "xavier_uniform",
}  # fmt: skip
UNMEANT = (
    *("normal(mean=1, std=0.02)", "normal(mean=0.5)", "uniform(0, 0.1)", "uniform(b=0.1)", "uniform(a=-0.1)"),
    *("kaiming_normal(mode=fan_out)", "xavier_uniform(gain=1.4)", "orthogonal(gain=2)", "TruncatedNormal(wibble=3)"),
)


def helps(init: str) -> list[str | None]:
    text = f"net N {{ input image [3, 8, 8]\n output y: conv(16, 3, init={init}) }}"
    return [d.help for d in check_text(text) if d.severity == "error"]


@pytest.mark.parametrize("init", MEANT)
def test_an_initial_value_of_another_program_keeps_its_number(init: str) -> None:
    assert helps(init) == [f"write `{MEANT[init]}`"]
    assert helps(MEANT[init]) == []


@pytest.mark.parametrize("init", UNMEANT)
def test_what_no_initial_value_here_is_has_words(init: str) -> None:
    (help,) = helps(init)
    assert help is not None
    assert "write" not in help
    assert "did you mean" not in help
    assert any(word in help for word in ("no such variant", "there is none", "takes one number"))
