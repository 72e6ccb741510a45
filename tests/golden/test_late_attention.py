"""Attention after the cell, folded embeddings, and gates whose addends are far larger than they."""

from dataclasses import replace

import numpy as np
import pytest

from golden.graph import Graph
from golden.models.gates import keras_gru, keras_lstm, torch_gru, torch_lstm
from golden.networks.fold import fold_embeddings
from golden.networks.late_attention import late_attention
from golden.networks.run import run_integer, run_real
from golden.networks.sequence_to_sequence import SequenceShape, sequence_to_sequence
from golden.quantize import quantize_network
from golden.real.recurrent import gru, lstm

STATES, INPUTS, VOCABULARY = 16, 12, 9


def network(gain: float = 1.0, seed: int = 4) -> Graph:
    rng = np.random.default_rng(seed)
    made: dict[str, np.ndarray] = {"decoder.energy": rng.normal(0, 1, STATES)}

    def matrix(name: str, rows: int, columns: int, gain: float = 1.0) -> None:
        made[f"{name}.weight"] = rng.normal(0, gain * rows**-0.5, (rows, columns))
        made[f"{name}.bias"] = rng.normal(0, 0.2, columns)

    for part in ("encoder", "decoder"):
        made[f"{part}.word.table"] = rng.normal(0, 1, (VOCABULARY, INPUTS))
    for cell in ("encoder.0.forward", "encoder.0.backward", "decoder.0"):
        matrix(f"{cell}.gates", INPUTS, 3 * STATES, gain)
        matrix(f"{cell}.state", STATES, 3 * STATES, gain)
    matrix("decoder.key", 2 * STATES, STATES, 2.0)
    matrix("logits.state", STATES, VOCABULARY, 2.0)
    matrix("logits.context", STATES, VOCABULARY, 2.0)
    return late_attention("late", made)


def inputs(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, VOCABULARY, (2, 10))
    return {"source_ids": ids[0], "target_ids": ids[1], "start": np.zeros((1, STATES))}


def cosine(real: Graph, integer: Graph, name: str, seed: int) -> float:
    x = np.ravel(run_real(real, inputs(seed))[name])
    y = np.ravel(
        run_integer(integer, {**inputs(seed), "start": np.zeros((1, STATES), np.int64)})[name]
    )
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


@pytest.mark.parametrize("gain", [1.0, 6.0])
def test_integers_keep_the_probabilities(gain: float) -> None:
    """Products beyond 8 that a gate sums must not saturate before they are added."""
    real = network(gain)
    integer = quantize_network(real, [inputs(seed) for seed in range(100, 110)])
    largest = np.abs(run_real(real, inputs(0))["decoder.0.gates"]).max()
    assert (largest > 8) == (gain > 1)
    assert (integer.tensors["decoder.0.gates"].scale > 2**-12) == (gain > 1)
    for seed in range(4):
        assert cosine(real, integer, "decoder.0", seed) > 0.99
        assert cosine(real, integer, "probabilities", seed) > 0.99


def test_folding_changes_nothing_but_the_work() -> None:
    real = network()
    folded = fold_embeddings(real)
    kinds = [operator.kind for operator in folded.operators]
    assert kinds.count("embedding") == 3
    assert kinds.count("linear") == 3
    assert "encoder.word" not in folded.tensors
    assert folded.constants.keys().isdisjoint({"encoder.word.table", "decoder.0.gates.weight"})
    x, y = (run_real(graph, inputs(1))["probabilities"] for graph in (real, folded))
    np.testing.assert_allclose(x, y, atol=1e-12)


def test_an_embedding_with_another_reader_stays() -> None:
    real = network()
    kept = replace(real, outputs=(*real.outputs, "encoder.word"))
    assert "encoder.word" in {operator.name for operator in fold_embeddings(kept).operators}


def test_attention_makes_a_context() -> None:
    with pytest.raises(ValueError, match=r"attention 'dot' makes a context: leave context on"):
        SequenceShape(attention="dot", context=False)


def test_without_context_the_last_state_only_starts() -> None:
    """Against the cells called one after the other."""
    rng = np.random.default_rng(5)
    shapes = {
        "encoder.word.table": (VOCABULARY, INPUTS),
        "decoder.word.table": (VOCABULARY, INPUTS),
        "logits.weight": (STATES, VOCABULARY),
        "logits.bias": (VOCABULARY,),
    }
    for part in ("encoder", "decoder"):
        shapes[f"{part}.0.gates.weight"] = (INPUTS, 3 * STATES)
        shapes[f"{part}.0.state.weight"] = (STATES, 3 * STATES)
        shapes[f"{part}.0.gates.bias"] = shapes[f"{part}.0.state.bias"] = (3 * STATES,)
    w = {name: rng.normal(0, 0.5, shape) for name, shape in shapes.items()}
    shape = SequenceShape(context=False, softmax=False, reset_after=True)
    given = {"source_ids": np.array([1, 5, 2]), "target_ids": np.array([3, 0, 7, 7])}
    found = run_real(sequence_to_sequence("plain", shape, w), given)["logits"]

    def run(part: str, ids: np.ndarray, *state: np.ndarray) -> np.ndarray:
        gates = w[f"{part}.word.table"][ids] @ w[f"{part}.0.gates.weight"]
        gates = gates + w[f"{part}.0.gates.bias"]
        weights = (w[f"{part}.0.state.{name}"] for name in ("weight", "bias"))
        return gru(gates, *weights, *state, reset_after=True)

    last = run("encoder", given["source_ids"])[-1]
    states = run("decoder", given["target_ids"], last)
    np.testing.assert_allclose(found, states @ w["logits.weight"] + w["logits.bias"], atol=1e-12)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_gates_of_keras() -> None:
    """Keras' equations: z, r, candidate, the state's bias inside the reset; i, f, candidate, o."""
    rng = np.random.default_rng(6)
    x, kernel = rng.normal(size=(1, 5)), rng.normal(size=(5, 12))
    h, recurrent, bias = rng.normal(size=4), rng.normal(size=(4, 12)), rng.normal(size=(2, 12))
    given, state = np.split(x[0] @ kernel + bias[0], 3), np.split(h @ recurrent + bias[1], 3)
    z, r = (sigmoid(a + b) for a, b in zip(given[:2], state[:2], strict=True))
    expected = z * h + (1 - z) * np.tanh(given[2] + r * state[2])
    w = keras_gru("cell", kernel, recurrent, bias)
    gates = x @ w["cell.gates.weight"] + w["cell.gates.bias"]
    found = gru(gates, w["cell.state.weight"], w["cell.state.bias"], h, reset_after=True)[0]
    np.testing.assert_allclose(found, expected)

    kernel, recurrent, bias = (rng.normal(size=shape) for shape in ((5, 16), (4, 16), 16))
    i, f, candidate, o = np.split(x[0] @ kernel + h @ recurrent + bias, 4)
    c = sigmoid(f) * 0.3 + sigmoid(i) * np.tanh(candidate)
    w = keras_lstm("cell", kernel, recurrent, bias)
    gates = x @ w["cell.gates.weight"] + w["cell.gates.bias"]
    found = lstm(gates, w["cell.state.weight"], h, np.full(4, 0.3))[0]
    np.testing.assert_allclose(found, sigmoid(o) * np.tanh(c))


def test_gates_of_torch_are_transposed() -> None:
    """The same weights as (g H, K), and of the LSTM two biases that are one."""
    rng = np.random.default_rng(7)
    kernel, recurrent, bias = (rng.normal(size=shape) for shape in ((5, 16), (4, 16), 16))
    ours = torch_lstm("cell", kernel.T, recurrent.T, 0.25 * bias, 0.75 * bias)
    for name, x in keras_lstm("cell", kernel, recurrent, bias).items():
        np.testing.assert_allclose(ours[name], x)
    parts = [rng.normal(size=shape) for shape in ((12, 5), (12, 4), 12, 12)]
    names = ("gates.weight", "state.weight", "gates.bias", "state.bias")
    made = torch_gru("cell", *parts)
    for name, x in zip(names, parts, strict=True):
        np.testing.assert_array_equal(made[f"cell.{name}"], x.T)
