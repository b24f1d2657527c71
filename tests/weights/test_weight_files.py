"""Files of weights: what is read of them, what is refused, and in which words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_tensors

import netdsl
from netdsl.graph import Net
from netdsl.weights.files import WeightsError, pickled, read_tensors
from netdsl.weights.given import given_weights, origin, weights_of
from netdsl.weights.propose import propose

TEXT = """net N(classes = 3, width = 4) {
  input x [5]
  hidden: linear(width) -> batchnorm -> relu
  wider: linear(2 * width) -> relu
  logits: linear(classes)
  output logits
}
"""


def net(**settings: int) -> Net:
    return netdsl.load_text(TEXT, **settings)


def arrays(seed: int = 0, **settings: int) -> dict[str, Any]:
    module = netdsl.torch_module(net(**settings), seed)
    return {key: value.numpy() for key, value in module.state_dict().items()}


def given(path: Path) -> dict[str, Any]:
    return dict(weights_of(net(), path))


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert {k: v.tolist() for k, v in found.items()} == {k: v.tolist() for k, v in wanted.items()}


def test_shards_are_read_as_one_file(tmp_path: Path) -> None:
    whole = arrays()
    parts = [dict(list(whole.items())[::2]), dict(list(whole.items())[1::2])]
    for number, part in enumerate(parts):
        save_file(part, tmp_path / f"part{number}.safetensors")
    places = {key: f"part{number}.safetensors" for number, part in enumerate(parts) for key in part}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    same(given(index), whole)
    same(given(tmp_path), whole)  # a folder, as models are published
    assert list(origin(given_weights(net(), netdsl.Weights(str(index))))) == [
        index.name,
        *dict.fromkeys(places[k] for k in sorted(places)),
    ]


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ("[]", "is no index of shards"),
        ('{"weight_map": {"a": 1}}', "names no file for each tensor"),
        ('{"weight_map": {"a": "../other.safetensors"}}', "'../other.safetensors' is no file beside it"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "is no file beside it"),
        ('{"weight_map": {"hidden.linear1.weight": "none.safetensors"}}', "there is no weight file"),
        ("[" * 5000, "is no index of shards"),
    ],
)
def test_an_index_that_leads_elsewhere_is_refused(tmp_path: Path, index: str, said: str) -> None:
    path = tmp_path / "model.safetensors.index.json"
    path.write_text(index)
    with pytest.raises(WeightsError, match=said):
        weights_of(net(), path)


def test_numbers_of_half_the_size_become_whole_ones(tmp_path: Path) -> None:
    for kind in (torch.bfloat16, torch.float16, torch.float64):
        tensors = {k: torch.tensor(v) for k, v in arrays().items()}
        stored = {k: v.to(kind) if v.is_floating_point() else v for k, v in tensors.items()}
        save_tensors(stored, tmp_path / "w.safetensors")
        torch.save(stored, tmp_path / "w.pth")
        for name in ("w.safetensors", "w.pth"):
            module = netdsl.torch_module(net(), weights=tmp_path / name)
            for key, value in module.state_dict().items():
                assert torch.equal(value, stored[key].to(value.dtype)), (kind, name, key)


@pytest.mark.parametrize("under", [(), ("state_dict",), ("model",), ("model", "state_dict"), ("model_state_dict",)])
def test_a_state_dict_is_found_where_scripts_keep_it(tmp_path: Path, under: tuple[str, ...]) -> None:
    held: Any = {key: torch.tensor(value) for key, value in arrays().items()}
    for name in under:
        held = {"epoch": 3, name: held, "optimizer": {"lr": 0.1}}
    torch.save(held, tmp_path / "w.pth")
    same(given(tmp_path / "w.pth"), arrays())


def test_state_dicts_side_by_side_are_found_by_the_names_of_their_parts(tmp_path: Path) -> None:
    """As the snapshots of mapillary/inplace_abn have them: a body, a head and a classifier."""
    parts = {"body": {"w": torch.ones(2)}, "head": {"w": torch.zeros(3), "b.c": torch.ones(1)}}
    torch.save({"state_dict": parts, "optimizer": {"m": torch.ones(4)}, "epoch": 3}, tmp_path / "w.pth")
    found = read_tensors(tmp_path / "w.pth")
    assert {key: found.shape(key) for key in found} == {"body.w": (2,), "head.w": (3,), "head.b.c": (1,)}


class Harmful:
    def __reduce__(self) -> Any:
        return os.system, ("touch harmed",)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"a": Harmful()}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=r"holds more than weights: it is a pickle that could run code"):
        read_tensors(tmp_path / "w.pth")
    assert not (tmp_path / "harmed").exists()
    for content in (b"PK\x03\x04 no zip", b"\x80\x02}."):
        (tmp_path / "w.pth").write_bytes(content)
        with pytest.raises(WeightsError, match="cannot be read as weights of PyTorch"):
            read_tensors(tmp_path / "w.pth")
    torch.save({"epoch": 3}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds no state dict: tensors by name are wanted"):
        read_tensors(tmp_path / "w.pth")


@pytest.mark.parametrize("length", [0x80, 0x180, 0x280, 0x4B50], ids=hex)
def test_no_length_of_a_header_makes_safetensors_a_pickle(tmp_path: Path, length: int) -> None:
    """The file begins with the length of its header, whose bytes may be those that a pickle or a zip begins with."""
    path = tmp_path / "w.safetensors"
    facts = {"netdsl": json.dumps({"epoch": 3})}
    save_file({"a": np.ones(3, np.float32)}, path, facts)
    plain = int.from_bytes(path.read_bytes()[:8], "little")
    save_file({"a": np.ones(3, np.float32)}, path, {**facts, "x": "x" * (length - plain - len(',"x":""'))})
    assert path.read_bytes()[:8] == length.to_bytes(8, "little")
    assert (read_tensors(path).facts, read_tensors(path)["a"].tolist()) == ({"epoch": 3}, [1, 1, 1])


def test_a_pickle_may_have_the_name_of_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    torch.save({"a": torch.tensor([1.0, 2.0])}, path)
    assert read_tensors(path)["a"].tolist() == [1, 2]
    assert "torch.load(open('w.safetensors', 'rb'), weights_only=True)" in str(pickled(path))


@pytest.mark.parametrize("archive", [True, False])
def test_a_pickle_that_is_cut_off_is_refused(tmp_path: Path, archive: bool) -> None:
    torch.save({"a": torch.ones(40)}, tmp_path / "whole.pth", _use_new_zipfile_serialization=archive)
    whole = (tmp_path / "whole.pth").read_bytes()
    for end in range(1, len(whole), len(whole) // 50):
        (tmp_path / "w.pth").write_bytes(whole[:end])
        with pytest.raises(WeightsError, match=r"w\.pth (cannot be read|holds)"):
            read_tensors(tmp_path / "w.pth")
    (tmp_path / "w.pth").write_bytes(b"\x80")  # its mark alone
    with pytest.raises(WeightsError, match=r"is it whole \(1 bytes\)"):
        read_tensors(tmp_path / "w.pth")


def test_an_archive_that_is_packed_is_refused(tmp_path: Path) -> None:
    """PyTorch stores numbers as they are: what unpacks to more than the file would fill the memory."""
    torch.save({"a": torch.zeros(50_000)}, tmp_path / "plain.pth")
    with (
        zipfile.ZipFile(tmp_path / "plain.pth") as plain,
        zipfile.ZipFile(tmp_path / "w.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    with pytest.raises(WeightsError, match=r"is packed, as `torch.save` leaves no file: unpacked it would be 20"):
        read_tensors(tmp_path / "w.pth")


def test_kinds_of_number_that_numpy_has_not_are_named(tmp_path: Path) -> None:
    save_tensors({"a": torch.ones(3).to(torch.float8_e4m3fn)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="`a` holds F8_E4M3, which numpy has not: keep it as F32"):
        read_tensors(tmp_path / "w.safetensors")["a"]
    torch.save({"a": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="holds no state dict"):
        read_tensors(tmp_path / "w.pth")


def test_without_torch_a_pickle_has_a_way_out(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1)}, tmp_path / "w.pth")
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from pathlib import Path\nfrom netdsl.weights.files import WeightsError, read_tensors\n"
        "try:\n    read_tensors(Path('w.pth'))\nexcept WeightsError as error:\n    print(error)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert "PyTorch is not there to read it" in done.stdout
    assert "safetensors.torch.save_file(torch.load('w.pth', weights_only=True), 'w.safetensors')" in done.stdout


def renamed(prefix: str) -> dict[str, Any]:
    return {f"{prefix}{key}": value for key, value in arrays().items()}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "prefix": (
        renamed("module."),
        "Its keys begin with `module.`, as DataParallel leaves them: a map with the row `prefix module.`",
    ),
    "compiled": (renamed("_orig_mod."), "`_orig_mod.`, as torch.compile leaves them"),
    "other prefix": (renamed("net."), "Its keys begin with `net.`: a map"),
    "head": (
        arrays(classes=7),
        "Only the head is another: `logits` has 7 classes there and 3 here. With `partial` it is left",
    ),
    "width": (arrays(width=8), "They are of a net of another width, 8 where this has 4"),
    "other names": (
        {f"w{number}": value for number, value in enumerate(arrays().values())},
        "Its names are those of another program: say which is which by a map",
    ),
    "half a head": (
        {k: np.ones(7, np.float32) if k == "logits.bias" else v for k, v in arrays().items()},
        "w.safetensors: the weights do not fit this net: `logits.bias` is [7], not [3]",
    ),
    "one number": (
        {k: np.array(1, np.float32) if k == "logits.bias" else v for k, v in arrays().items()},
        "`logits.bias` is [], not [3]",
    ),
    "transposed": (
        {k: v.T.copy() if k == "wider.weight" else v for k, v in arrays().items()},
        "`wider.weight` is transposed there: a map turns it by a row such as `wider.weight -> transpose -> ",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_near_miss_is_named(case: str, tmp_path: Path) -> None:
    held, said = WRONG[case]
    save_file(held, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        netdsl.torch_module(net(), weights=tmp_path / "w.safetensors")
    assert said in str(caught.value)
    with pytest.raises(WeightsError) as again:
        netdsl.onnx_model(net(), weights=str(tmp_path / "w.safetensors"))
    assert said in str(again.value)


def test_a_kernel_that_lies_otherwise_is_turned_by_the_row_that_is_said(tmp_path: Path) -> None:
    """Kernels of TensorFlow and Flax are [height, width, in, out]."""
    own = netdsl.load_text("net K {\n input x [2, 8, 8]\n output y: conv(5, 3)\n}")
    held = {k: v.numpy() for k, v in netdsl.torch_module(own, 1).state_dict().items()}
    save_file({**held, "y.weight": held["y.weight"].transpose(2, 3, 1, 0).copy()}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError) as caught:
        weights_of(own, str(tmp_path / "w.safetensors"))
    row = str(caught.value).partition("by a row such as `")[2].partition("`")[0]
    (tmp_path / "turned.map").write_text(f"{row}\ny.bias -> y.bias\n")
    found = weights_of(own, netdsl.Weights(str(tmp_path / "w.safetensors"), map=str(tmp_path / "turned.map")))
    same(dict(found), held)
    file = read_tensors(tmp_path / "w.safetensors")
    proposed = propose({k: file.shape(k) for k in file}, {k: w.shape for k, w in own.weights()}, False)
    assert proposed.rows == ["y.bias -> y.bias", row]


def test_what_holds_no_weights_is_told_by_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_text("hello")
    (tmp_path / "runs").mkdir()
    for name, says in (
        ("w.pth", "cannot be read as safetensors, and is nothing that `torch.save` writes"),
        ("runs", "is a folder without weights.safetensors"),
    ):
        with pytest.raises(WeightsError, match=says):
            given(tmp_path / name)


def test_a_map_of_a_prefix_alone_takes_the_names_as_they_are(tmp_path: Path) -> None:
    save_file(renamed("module."), tmp_path / "w.safetensors")
    (tmp_path / "w.map").write_text("prefix module.\n")
    source = netdsl.Weights(str(tmp_path / "w.safetensors"), map=str(tmp_path / "w.map"))
    same(dict(weights_of(net(), source)), arrays())
    (tmp_path / "w.map").write_text("hiden.linear1.weight -> hidden.linear1.weight\n")
    source = netdsl.Weights(str(tmp_path / "w.safetensors"), map=str(tmp_path / "w.map"), partial=True)
    with pytest.raises(WeightsError, match=r"nothing of the weights fits.*w\.map, line 1: nothing is called `hiden"):
        weights_of(net(), source)


def test_counters_of_batches_may_be_missing(tmp_path: Path) -> None:
    held = {k: v for k, v in arrays().items() if "num_batches" not in k}
    save_file(held, tmp_path / "w.safetensors")
    module = netdsl.torch_module(net(), weights=tmp_path / "w.safetensors")
    assert int(module.state_dict()["hidden.batchnorm1.num_batches_tracked"]) == 0
    same({k: v.numpy() for k, v in module.state_dict().items() if k in held}, held)


def test_what_does_not_fit_may_stay_as_it_was(tmp_path: Path) -> None:
    held = {**arrays(seed=5, classes=7), "other": np.ones(2, np.float32)}
    save_file(held, tmp_path / "w.safetensors")
    source = netdsl.Weights(str(tmp_path / "w.safetensors"), partial=True)
    module = netdsl.torch_module(net(), 1, weights=source)
    own = {key: value.numpy() for key, value in module.state_dict().items()}
    drawn = arrays(seed=1)
    for key, value in own.items():
        assert (value == (drawn if key.startswith("logits") else held)[key]).all(), key
    notes = weights_of(net(), source).notes()
    assert (
        notes[0]
        == "2 of 10 weights stay as initialised: `logits.weight` is [7, 8], not [3, 8], `logits.bias` is [7], not [3]"
    )
    assert notes[1].endswith("w.safetensors: `other`")
    save_file({"other": np.ones(2, np.float32)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="nothing of the weights fits this net"):
        weights_of(net(), source)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.full((3, 8), np.nan, np.float32), "not finite"),
        (np.full((3, 8), 1e300), "not finite"),
        (np.ones((3, 8), np.int64), "holds int64, but the net needs float"),
    ],
)
def test_numbers_of_another_kind_are_refused(value: Any, said: str, tmp_path: Path) -> None:
    save_file({**arrays(), "logits.weight": value}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=rf"w\.safetensors: .*`logits\.weight` .*{said}"):
        netdsl.torch_module(net(), weights=tmp_path / "w.safetensors")
