"""GELU, ReLU, tanh, sigmoid, elu + 1: INT16 to INT16 by table; the error is ``interpolate``'s."""

from numpy.typing import ArrayLike

from golden.integer import Integers
from golden.ops.interpolate import interpolate
from golden.table_spec import TableSpec


def activation(spec: TableSpec, x: ArrayLike) -> Integers:
    """``spec.function`` of each element of ``x``, any shape."""
    return interpolate(spec, x)
