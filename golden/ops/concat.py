"""Tensors of one scale side by side, and learned rows before a tensor's own: exact."""

from typing import Any

import numpy as np

from golden.integer import Integers
from golden.movement_spec import ConcatSpec


def concat(spec: ConcatSpec, *tensors: np.ndarray) -> Integers:
    """``(N, D), (M, D) -> (N + M, D)``, or along ``spec.axis``."""
    return np.concatenate(tensors, spec.axis)


def prepend(_spec: Any, x: np.ndarray, table: np.ndarray) -> Integers:
    """``(N, D), (P, D) -> (P + N, D)``: class tokens, or the bias token of keys and values."""
    return np.concatenate([table, x])
