"""The loss and metrics of trained weights on a split, by either engine, or of an ONNX file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netdsl.base.asking import public
from netdsl.graph import Net
from netdsl.recipe import Data
from netdsl.runtime.data.handed import Handed, given
from netdsl.runtime.engines.choice import no_engine
from netdsl.runtime.judging.judged import Judgement
from netdsl.runtime.judging.views import Views
from netdsl.runtime.runs.learned import run_source
from netdsl.weights.given import WeightSource


@public()
def evaluate(
    run: str | Path | Net,
    split: str = "test",
    data: Data | Handed | None = None,
    device: str | None = None,
    net_name: str | None = None,
    views: Views | None = None,
    engine: str = "torch",
    weights: WeightSource | None = None,
) -> dict[str, Any]:
    """`{"split": …, "loss": …, "metrics": {name: …}}` of a run's best weights, by the engine "torch" or "onnx".

    With `"notes"`, what is doubtful about the data, where there is anything; where classes are scored `"by_class"` and,
    unless there are many, `"confusion"` (rows are labels); `"levels"` where a label map has coarser ones. `net_name` is
    another net of the run's text, which computes with the weights that the run has learned. `data` may be samples by
    split, as in `train`. With `views` outputs are averaged over several views of each picture. In the place of a run a
    net may be given, with the `weights` that it is to have, a file or one for each label: `"weights"` then tells of
    the files.
    """
    return judge(run, split, data, device, net_name, views=views, engine=engine, weights=weights).found


def judge(
    run: str | Path | Net,
    split: str = "test",
    data: Data | Handed | None = None,
    device: str | None = None,
    net_name: str | None = None,
    *,
    worst: int = 0,
    views: Views | None = None,
    engine: str = "torch",
    weights: WeightSource | None = None,
) -> Judgement:
    """As `evaluate`, with what pictures are drawn of: also the `worst` samples, those of the highest loss."""
    if engine == "torch":
        from netdsl.runtime.judging.pytorch import judge_run
    elif engine == "onnx":
        from netdsl.runtime.judging.onnx import judge_run
    else:
        raise no_engine(engine)
    return judge_run(run_source(run, weights), split, given(data), device, net_name, worst, views)


def evaluate_onnx(
    path: str | Path,
    net: Net,
    split: str = "test",
    data: Data | Handed | None = None,
    device: str | None = None,
    views: Views | None = None,
) -> dict[str, Any]:
    """As `evaluate`, with the outputs computed by onnxruntime from an ONNX file of the net."""
    return judge_onnx(path, net, split, data, device, views=views).found


def judge_onnx(
    path: str | Path,
    net: Net,
    split: str = "test",
    data: Data | Handed | None = None,
    device: str | None = None,
    *,
    worst: int = 0,
    views: Views | None = None,
) -> Judgement:
    """As `judge`, with the outputs computed by onnxruntime from an ONNX file of the net."""
    from netdsl.runtime.judging.pytorch import judge_file

    return judge_file(path, net, split, given(data), device, worst, views)
