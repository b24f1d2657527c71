"""The live module as an object: copied, pickled, sent to other processes, forgotten."""

from __future__ import annotations

import copy
import gc
import io
import linecache
import pickle
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch

from netdsl.codegen.pytorch.module import EXECUTED, torch_module
from netdsl.codegen.pytorch.source import torch_source
from netdsl.graph import Net
from netdsl.program import load_text

torch.set_num_threads(1)

TEXT = """
block unit(c) {
  input x
  x -> conv(c, 3, pad=same) -> batchnorm -> relu
}
net Two(classes = 3) {
  input image [1, 4, 4], number int[]
  scores: image -> unit(4) -> conv(4, 3, pad=same) -> flatten -> linear(classes)
  hot: number -> one_hot(classes)
  output both: (scores, hot) -> concat
}
"""


def net() -> Net:
    return load_text(TEXT).net()


def given() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 2])


def made() -> Any:
    return torch_module(net(), seed=3).eval().requires_grad_(False)


def test_a_pickle_is_the_same_module() -> None:
    module, file = made(), io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    for again in (torch.load(file, weights_only=False), pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert type(again) is type(module)
        assert torch.equal(again(*given()), module(*given()))
        assert again.scores is not module.scores
    assert torch.equal(copy.copy(module)(*given()), module(*given()))


def test_a_part_can_be_pickled_alone() -> None:
    part = made().get_submodule("scores.unit1")
    assert type(pickle.loads(pickle.dumps(part))) is type(part)


def test_a_layer_that_only_changes_one_of_pytorchs_can_be_pickled() -> None:
    module: Any = torch_module(load_text("net N { input x [5, 4]\n x -> lstm(3, biases=1) }").net()).eval()
    x = torch.randn(2, 5, 4)
    assert torch.equal(pickle.loads(pickle.dumps(module))(x), module(x))


def test_another_process_reads_it(tmp_path: Path) -> None:
    module, path = made(), tmp_path / "module.pt"
    torch.save({"module": module, "inputs": given(), "found": module(*given())}, path)
    code = (
        "import sys, torch\n"
        "kept = torch.load(sys.argv[1], weights_only=False)\n"
        "assert torch.equal(kept['module'](*kept['inputs']), kept['found'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_spawned_workers_run_it() -> None:
    module = made()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as workers:
        found = workers.submit(module.__call__, *given()).result()
    assert torch.equal(found, module(*given()))


def test_the_text_in_a_file_knows_nothing_of_it() -> None:
    assert "reduce" not in torch_source(net())


def test_two_modules_of_one_source_share_their_classes() -> None:
    assert type(made()) is type(made())
    assert type(made()) is not type(torch_module(load_text(TEXT.replace("Two", "Other")).net()))


def test_classes_go_when_nothing_uses_them() -> None:
    module: Any = torch_module(load_text("net Forgotten { input x [7]\n linear(11) -> relu }").net())
    filename = type(module).forward.__code__.co_filename
    assert filename in linecache.cache
    del module
    gc.collect()
    assert filename not in linecache.cache
    assert f"netdsl_{filename.strip('<>')}" not in {m.__name__ for m in EXECUTED.values()}


@pytest.mark.parametrize("join", ["add", "mul"])
def test_thousands_of_operands_are_no_chain_of_operators(join: str) -> None:
    """Python reads no expression that deep."""
    names = ", ".join(["x"] * 3000)
    module: Any = torch_module(load_text(f"net N {{\n  input x [4]\n  ({names}) -> {join}\n}}\n").net())
    given = torch.tensor([[0.0, 1.0, -1.0, 0.5]])
    expected = 3000 * given if join == "add" else given**3000
    assert torch.allclose(module(given), expected)
