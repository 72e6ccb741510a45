"""Recurrent cells of other libraries under this project's names and in its order of gates.

Ours: GRU r, z, candidate; LSTM i, f, o, candidate; matrices (K, M). Weights of a cell ``name``:
``name.gates.weight`` (K, g H), ``name.gates.bias``, ``name.state.weight`` (H, g H), and for the GRU
``name.state.bias``, which the reset gate scales.

Source: Keras 3, ``GRU`` with reset_after and ``LSTM``; PyTorch 2, ``GRU`` and ``LSTM``.
"""

import numpy as np

Weights = dict[str, np.ndarray]

_KERAS_GRU = (1, 0, 2)  # z, r, candidate
_LSTM = (0, 1, 3, 2)  # i, f, candidate, o: both libraries


def keras_gru(name: str, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> Weights:
    """``(K, 3 H), (H, 3 H), (2, 3 H)``: the second row of the bias is the state's."""
    ours = [_ordered(x, _KERAS_GRU) for x in (kernel, recurrent, bias)]
    return {**_cell(name, ours[0], ours[2][0], ours[1]), f"{name}.state.bias": ours[2][1]}


def keras_lstm(name: str, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray) -> Weights:
    """``(K, 4 H), (H, 4 H), (4 H,)``."""
    return _cell(name, *(_ordered(x, _LSTM) for x in (kernel, bias, recurrent)))


def torch_gru(
    name: str, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, state_bias: np.ndarray
) -> Weights:
    """``(3 H, K), (3 H, H), (3 H,), (3 H,)``: the order is ours."""
    return {**_cell(name, kernel.T, bias, recurrent.T), f"{name}.state.bias": state_bias}


def torch_lstm(
    name: str, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray, state_bias: np.ndarray
) -> Weights:
    """``(4 H, K), (4 H, H), (4 H,), (4 H,)``: nothing stands between the two biases."""
    parts = (kernel.T, bias + state_bias, recurrent.T)
    return _cell(name, *(_ordered(x, _LSTM) for x in parts))


def _cell(name: str, kernel: np.ndarray, bias: np.ndarray, recurrent: np.ndarray) -> Weights:
    return {
        f"{name}.gates.weight": kernel,
        f"{name}.gates.bias": bias,
        f"{name}.state.weight": recurrent,
    }


def _ordered(x: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    parts = np.split(x, len(order), axis=-1)
    return np.concatenate([parts[index] for index in order], axis=-1)
