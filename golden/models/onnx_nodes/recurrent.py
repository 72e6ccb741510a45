"""RNN, GRU and LSTM in ONNX's layouts and order of gates, through the scan of ``golden.real``.

Letters: T steps, B batch, K inputs, H states, g gates.
"""

import numpy as np

from golden.models.onnx_nodes.cases import Attributes, Claim, Inputs, Run
from golden.real.recurrent import State, gru_cell, lstm_cell, rnn_cell, scan

# Our order of the gates in ONNX's: update, reset, candidate; input, output, forget, candidate.
_GATES = {"RNN": (0,), "GRU": (1, 0, 2), "LSTM": (0, 2, 1, 3)}


def _recurrent(kind: str) -> Run:
    """ONNX's layout is (T, B, K), or with ``layout`` (B, T, K)."""
    gates = _GATES[kind]

    def run(x: Inputs, attributes: Attributes) -> list[np.ndarray]:
        width, count = attributes["hidden_size"], len(gates)
        batch_first = attributes.get("layout", 0) == 1
        steps = x["0"].swapaxes(0, 1) if batch_first else x["0"]
        outputs, finals = [], []
        for direction in range(len(x["1"])):
            wx, wh = (_reorder(x[name][direction], gates) for name in ("1", "2"))
            both = x["3"][direction] if "3" in x else np.zeros(2 * count * width, np.float32)
            bx, bh = (_reorder(half, gates) for half in np.split(both, 2))
            zero = np.zeros((steps.shape[1], width), np.float32)
            h = x["5"][direction] if "5" in x else zero
            c = x["6"][direction] if "6" in x else zero
            # The GRU keeps the recurrent bias apart, inside the reset.
            inputs = steps @ wx + (bx if kind == "GRU" else bx + bh)

            def cell(
                g: np.ndarray,
                s: State,
                wh: np.ndarray = wh,
                bh: np.ndarray = bh,
                direction: int = direction,
            ) -> State:
                if kind == "RNN":
                    return rnn_cell(g, s[0], wh)
                if kind == "GRU":
                    after = bool(attributes.get("linear_before_reset", 0))
                    return gru_cell(g, s[0], wh, bh, reset_after=after)
                peephole = _peepholes(x["7"][direction], width) if "7" in x else None
                return lstm_cell(g, s[0], s[1], wh, peephole)

            named = attributes.get("direction", b"forward")
            reverse = named == b"reverse" or direction == 1
            y, state = scan(cell, inputs, (h, c) if kind == "LSTM" else (h,), reverse=reverse)
            outputs.append(y)
            finals.append(state)
        y = np.stack(outputs, axis=1)  # (T, directions, B, H)
        states = [np.stack(state) for state in zip(*finals, strict=True)]  # (directions, B, H)
        if batch_first:
            y, states = y.transpose(2, 0, 1, 3), [state.swapaxes(0, 1) for state in states]
        return [y, *states]

    return run


def _reorder(w: np.ndarray, gates: tuple[int, ...]) -> np.ndarray:
    """(g H, K) in ONNX's order to (K, g H) in ours."""
    parts = np.split(w, len(gates))
    return np.concatenate([parts[gate] for gate in gates]).T


def _peepholes(p: np.ndarray, width: int) -> np.ndarray:
    """ONNX has input, output, forget; ours are input, forget, output."""
    return np.concatenate([p[:width], p[2 * width :], p[width : 2 * width]])


CLAIMS = {kind: Claim(kind.lower(), _recurrent(kind)) for kind in _GATES}
