"""What all tests share: golden files, every pass verified, and the device that graphs run on."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from netdsl.graph.invariants import WATCHES, hold

GOLDEN = Path(__file__).parent / "golden"
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"

Golden = Callable[[str, str], None]


@pytest.fixture
def golden() -> Golden:
    """Compare a text with `tests/golden/NAME`, to the byte; `UPDATE_GOLDEN=1` writes the file instead."""
    return compare


def compare(name: str, text: str) -> None:
    path = GOLDEN / name
    if UPDATE:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return
    if not path.exists():
        pytest.fail(f"{path.name} is missing: UPDATE_GOLDEN=1 writes it")
    kept = path.read_text(encoding="utf-8")
    if kept != text:
        lines = difflib.unified_diff(kept.splitlines(), text.splitlines(), "golden", "now", lineterm="", n=1)
        shown = "\n".join(list(lines)[:80])
        pytest.fail(f"{name} differs (UPDATE_GOLDEN=1 accepts it):\n{shown}")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cuda", action="store_true", help="run the ONNX graphs of the tests on CUDA, without TF32")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    thin_out(items)
    if config.getoption("--cuda"):
        for item in items:
            if item.get_closest_marker("in_order"):
                item.add_marker(pytest.mark.skip(reason="CUDA settles it otherwise"))


def thin_out(items: list[pytest.Item]) -> None:
    """Of a family that is `sampled(n)` every n-th case stays in the quick suite; all others are slow."""
    places: dict[str, int] = {}
    for item in items:
        sampled = item.get_closest_marker("sampled")
        if sampled is None or item.get_closest_marker("slow"):
            continue
        family = item.nodeid.partition("[")[0]
        place = places[family] = places.get(family, -1) + 1
        if place % sampled.args[0]:
            item.add_marker(pytest.mark.slow)


def pytest_configure(config: pytest.Config) -> None:
    WATCHES.append(hold)
    if config.getoption("--cuda"):
        runtime: Any = onnxruntime
        assert "CUDAExecutionProvider" in runtime.get_available_providers(), "no CUDA here"
        runtime.preload_dlls()
        opened = runtime.InferenceSession
        exact = [("CUDAExecutionProvider", {"use_tf32": "0"}), "CPUExecutionProvider"]

        def on_cuda(model: Any, options: Any = None, providers: Any = None, **settings: Any) -> Any:
            ours = "enable_fallback" in settings  # a `Session`, which has a device of its own
            asked = exact if providers in (None, ["CPUExecutionProvider"]) and not ours else providers
            return opened(model, options, asked, **settings)

        runtime.InferenceSession = on_cuda
