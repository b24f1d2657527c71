"""Carrying recipes out: data, training, evaluation, running. The only room that runs torch and onnxruntime."""

from netdsl.base.errors import DataError, RunError

__all__ = ["DataError", "RunError"]
