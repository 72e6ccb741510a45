"""Runs a TFLite file's own operators, in its own order: its wiring is what nobody here wrote."""

from collections.abc import Callable

import numpy as np

from golden.models.tflite import Model


def fully_connected(x: np.ndarray, weight: np.ndarray, bias: np.ndarray | float = 0) -> np.ndarray:
    return x.reshape(-1, weight.shape[1]) @ weight.T + bias


def softmax(x: np.ndarray) -> np.ndarray:
    p = np.exp(x - x.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def strided_slice(x: np.ndarray, begin: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """The file's two: everything, or the first row of (1, N, D); the output's shape decides."""
    assert not begin.any()
    return x


# The codes of the schema's BuiltinOperator.
RUN: dict[int, Callable[..., np.ndarray]] = {
    0: np.add,
    2: lambda *x: np.concatenate(x, axis=1),
    9: fully_connected,
    18: np.multiply,
    22: lambda x, shape: x,
    25: softmax,
    28: np.tanh,
    36: lambda x, index: x[:, index],
    39: lambda x, order: x.transpose(order),
    40: lambda x, axis: x.mean(axis=tuple(axis), keepdims=True),
    41: np.subtract,
    45: strided_slice,
    55: np.maximum,
    73: np.log,
    75: np.sqrt,
    76: lambda x: 1 / np.sqrt(x),
    78: np.power,
    99: lambda x, y: (x - y) ** 2,
}


def run_file(model: Model, *inputs: np.ndarray) -> list[np.ndarray]:
    """The outputs; every tensor takes the shape that the file tells."""
    values: dict[int, np.ndarray] = dict(zip(model.inputs, inputs, strict=True))
    values |= {index: x for index, x in enumerate(model.constants) if x is not None}
    for step in model.steps:
        given = [values[index] for index in step.inputs if index >= 0]
        (output,) = step.outputs
        shape = model.shapes[output]
        result = RUN[step.code](*given)
        values[output] = result.ravel()[: np.prod(shape)].reshape(shape)
    return [values[index] for index in model.outputs]
