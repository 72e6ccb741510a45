"""Encoder-decoder of recurrent cells: another implementation, integers, decoding step by step."""

from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.decoding import Growing, beam, greedy
from golden.networks.file import load_network, save_network
from golden.networks.instances import SEQUENCES, VOCABULARY, word_network
from golden.networks.layers import GATES
from golden.networks.run import call_integer, call_real, run_integer, run_real
from golden.networks.sequence_to_sequence import SequenceShape
from golden.quantize import quantize_network
from golden.real.attention_recurrent import attention_recurrent
from golden.real.softmax import softmax

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
INPUTS, STATES, COMPARED = 12, 16, 16


def inputs(name: str, seed: int, source: int = 11, target: int = 8) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    given = {
        "source_ids": rng.integers(0, VOCABULARY, source),
        "target_ids": rng.integers(0, VOCABULARY, target),
    }
    if SEQUENCES[name].attention != "none":
        given["source_mask"] = np.arange(source) < source - seed % 3
    return given


def integer_network(name: str) -> Graph:
    return quantize_network(word_network(name), [inputs(name, seed) for seed in range(100, 110)])


@pytest.mark.parametrize("name", SEQUENCES)
def test_integers_keep_the_probabilities(name: str) -> None:
    real, integer = word_network(name), integer_network(name)
    for seed in range(4):
        given = inputs(name, seed)
        p = run_real(real, given)["probabilities"]
        values = run_integer(integer, given)
        q = values["probabilities"] * integer.tensors["probabilities"].scale
        cosine = (p * q).sum(axis=1) / np.linalg.norm(p, axis=1) / np.linalg.norm(q, axis=1)
        assert cosine.min() > 0.99
        for operator in integer.operators:
            for output in operator.outputs[: 1 if operator.kind == "quantize" else None]:
                assert -(1 << 15) <= values[output].min() <= values[output].max() < 1 << 15


@pytest.mark.parametrize(
    "name", [name for name in SEQUENCES if SEQUENCES[name].attention != "none"]
)
def test_a_step_is_within_its_bound(name: str) -> None:
    """The real cell reads what the integer network's cell reads, and has the weights as given."""
    real, integer = word_network(name), integer_network(name)
    attend = next(o for o in real.operators if o.kind == "attention_recurrent")
    states = 2 if SEQUENCES[name].cell == "lstm" else 1
    for seed in range(10):
        given = inputs(name, seed, target=1)
        codes = run_integer(integer, given)
        scaled = {x: codes[x] * integer.tensors[x].scale for x in attend.inputs[: 3 + states]}
        values = {**real.constants, **given, **scaled}
        call_real(attend, values)
        for output in attend.outputs:
            error = values[output] - codes[output] * integer.tensors[output].scale
            assert np.abs(error).max() <= 3 / 127
            assert np.abs(values[output]).max() > 0.1


@pytest.mark.parametrize("name", SEQUENCES)
def test_a_file_keeps_the_network(name: str, tmp_path: Path) -> None:
    graph, given = integer_network(name), inputs(name, 2)
    save_network(graph, tmp_path / "network.safetensors")
    loaded = load_network(tmp_path / "network.safetensors")
    x, y = (run_integer(one, given)["probabilities"] for one in (graph, loaded))
    assert (x == y).all()


@pytest.mark.parametrize("name", SEQUENCES)
@pytest.mark.parametrize("pieces", [(1,) * 8, (3, 5)])
def test_growing_rows_equal_the_whole_run_bit_for_bit(name: str, pieces: tuple[int, ...]) -> None:
    graph, given = integer_network(name), inputs(name, 2)
    whole = run_integer(graph, given)["probabilities"]
    fixed = {key: x for key, x in given.items() if key != "target_ids"}
    growing = Growing(graph, fixed, "target_ids", call_integer)
    ends = np.cumsum(pieces)[:-1]
    rows = [growing.append(piece) for piece in np.split(given["target_ids"], ends)]
    assert (np.concatenate(rows) == whole).all()


@pytest.mark.parametrize("name", ["lstm last, 2 layers", "gru additive"])
@pytest.mark.parametrize("call", [call_real, call_integer])
def test_greedy_and_beam(name: str, call) -> None:
    graph = word_network(name) if call is call_real else integer_network(name)
    run = run_real if call is call_real else run_integer
    given = inputs(name, 4)
    fixed = {key: x for key, x in given.items() if key != "target_ids"}
    tokens: list[int] = []
    for _ in range(6):
        ids = np.array([0, *tokens])
        tokens.append(int(run(graph, {**fixed, "target_ids": ids})["probabilities"][-1].argmax()))
        if tokens[-1] == 1:
            break
    assert greedy(Growing(graph, fixed, "target_ids", call), 0, 1, 6) == tokens
    narrow, wide = (beam(Growing(graph, fixed, "target_ids", call), 0, 1, 6, n) for n in (1, 5))
    assert list(narrow.tokens) == tokens
    assert wide.score >= narrow.score


@pytest.mark.parametrize("name", ["gru additive", "gru dot, 2 layers"])
@pytest.mark.parametrize("call", [call_real, call_integer])
def test_masked_keys_do_not_count(name: str, call) -> None:
    graph = word_network(name) if call is call_real else integer_network(name)
    run = run_real if call is call_real else run_integer
    given = {**inputs(name, 0), "source_mask": np.arange(11) < 8}
    values = run(graph, given)
    before = values["decoder.0"].copy()
    attend = next(o for o in graph.operators if o.kind == "attention_recurrent")
    for tensor in attend.inputs[1:3]:
        values[tensor] = np.concatenate([values[tensor][:8], values[tensor][:3] // 2 + 5])
    call(attend, values)
    assert (values["decoder.0"] == before).all()
    unmasked = {**values, "source_mask": np.ones(11, bool)}
    call(attend, unmasked)
    assert (unmasked["decoder.0"] != before).any()


@pytest.mark.parametrize("score", ["additive", "dot"])
@pytest.mark.parametrize(("cell", "reset_after"), [("gru", False), ("gru", True), ("lstm", False)])
def test_attentive_cells_are_onnx_s_cells(score: str, cell: str, reset_after: bool) -> None:
    """Step by step: softmax of the published scores, then ONNX's cell on [input, context]."""
    rng = np.random.default_rng(9)
    steps, keys, values_width, count = 6, 9, 10, GATES[cell]
    wx, wc, wh = (
        rng.normal(0, 0.5, (rows, count * STATES)) for rows in (INPUTS, values_width, STATES)
    )
    bx, bh = rng.normal(0, 0.3, (2, count * STATES))
    wq, energy = rng.normal(0, 1, (STATES, COMPARED)), rng.normal(0, 1, COMPARED)
    x, key = rng.normal(0, 1, (steps, INPUTS)), rng.normal(0, 1, (keys, COMPARED))
    value, h = rng.normal(0, 1, (keys, values_width)), rng.normal(0, 0.5, STATES)
    c = rng.normal(0, 0.5, STATES)
    mask = np.arange(keys) < 7
    states = (h, c) if cell == "lstm" else (h,)
    gates = x @ wx + bx if cell == "gru" else x @ wx + bx + bh
    found = attention_recurrent(
        gates, key, value, *states, wq, wc, wh,
        *((bh,) if cell == "gru" else ()), *((energy,) if score == "additive" else ()), mask,
        cell=cell, score=score, masked=True, reset_after=reset_after,
    )  # fmt: skip

    # ONNX's order of gates: update, reset, candidate; input, output, forget, candidate.
    order = {"gru": (1, 0, 2), "lstm": (0, 2, 1, 3)}[cell]

    def theirs(w: np.ndarray) -> np.ndarray:
        parts = np.split(w, count, axis=-1)
        return np.concatenate([parts[gate] for gate in order], axis=-1).T.astype(np.float32)

    names = ["x", "w", "r", "b", "", "h", "c"][: 7 if cell == "lstm" else 6]
    settings = {"linear_before_reset": int(reset_after)} if cell == "gru" else {}
    node = helper.make_node(cell.upper(), names, ["y", "next", "cell"][: len(names) - 4],
                            hidden_size=STATES, **settings)  # fmt: skip
    runner = ReferenceEvaluator(node)
    fixed = {
        "w": theirs(np.concatenate([wx, wc]))[None],
        "r": theirs(wh)[None],
        "b": np.concatenate([theirs(bx), theirs(bh)])[None],
    }
    for step in range(steps):
        query = h @ wq
        scores = np.tanh(query + key) @ energy if score == "additive" else key @ query / 4
        context = softmax(scores, mask) @ value
        given = {"x": np.concatenate([x[step], context]), "h": h, "c": c}
        given = {n: a.astype(np.float32)[None, None] for n, a in given.items() if n in names}
        _, *after = runner.run(None, {**fixed, **given})
        h, *rest = (state.ravel().astype(float) for state in after)
        c = rest[0] if rest else c
        np.testing.assert_allclose(found[0][step], h, atol=2e-5)
        np.testing.assert_allclose(found[-1][step], context, atol=2e-5)
        if cell == "lstm":
            np.testing.assert_allclose(found[1][step], c, atol=2e-5)


@pytest.mark.parametrize("name", ["gru additive", "gru dot, 2 layers"])
def test_keys_are_projected_once_per_sentence(name: str) -> None:
    graph = word_network(name)
    readers = [o.name for o in graph.operators if o.inputs[1:2] == ("decoder.key.weight",)]
    assert readers == ["decoder.key"]
    assert graph.tensors["decoder.key"].shape == ("source", COMPARED)


@pytest.mark.parametrize(("setting", "message"), [
    ({"cell": "mlp"}, "cell must be one of .* not 'mlp'"),
    ({"attention": "hard"}, "attention must be one of .* not 'hard'"),
    ({"layers": 0}, "layers .* not 0"),
    ({"cell": "rnn", "reset_after": True}, "reset_after is the GRU's: cell is 'rnn'"),
])  # fmt: skip
def test_shapes_are_checked(setting: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SequenceShape(**setting)


def test_growing_refuses_what_reads_later_rows() -> None:
    fixed = {"target_ids": np.zeros(3, int), "source_mask": np.ones(4, bool)}
    with pytest.raises(ValueError, match=r"'encoder.0.backward' of kind 'gru' reads rows of"):
        Growing(word_network("gru additive"), fixed, "source_ids", call_real)
    with pytest.raises(ValueError, match=r"'encoder.0.last' of kind 'slice' reads rows of"):
        Growing(word_network("gru last"), fixed, "source_ids", call_real)


def test_two_cells_may_start_from_one_state_that_is_read_elsewhere() -> None:
    """Each goes on from where it stopped; who else reads the start still finds it."""
    rng = np.random.default_rng(2)
    build = GraphBuilder("two")
    gates = build.input("gates", ("steps", STATES))
    start = build.input("start", (1, STATES))
    cells = []
    for name in ("first", "second"):
        weight = build.constant(f"{name}.weight", rng.normal(0, 0.3, (STATES, STATES)))
        cells.append(build.apply("rnn", name, gates, weight, start, shape=("steps", STATES)))
    total = build.apply("residual_add", "both", *cells, shape=("steps", STATES))
    graph = build.finish(build.apply("residual_add", "sum", total, start, shape=("steps", STATES)))
    given = {name: rng.normal(0, 1, (rows, STATES)) for name, rows in (("gates", 6), ("start", 1))}
    growing = Growing(graph, {"start": given["start"]}, "gates", call_real)
    rows = [growing.append(piece) for piece in np.split(given["gates"], [2, 3])]
    np.testing.assert_allclose(np.concatenate(rows), run_real(graph, given)["sum"], rtol=1e-12)
