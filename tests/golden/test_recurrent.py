"""RNN, GRU and LSTM in integers against the real cells."""

from collections.abc import Callable

import numpy as np
import pytest

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.run import run_integer, run_real
from golden.operator_spec import RecurrentSpec
from golden.ops.state_update import cell_update, gru_update, multiply
from golden.quantize import quantize_network
from golden.real import recurrent as real
from golden.spec import RequantizeSpec

STEPS, INPUTS, STATES = 64, 24, 32
GATES = {"rnn": 1, "gru": 3, "lstm": 4}
CASES = [
    ("rnn", {}),
    ("rnn", {"reverse": True}),
    ("gru", {}),
    ("gru", {"reset_after": True}),
    ("gru", {"reset_after": True, "reverse": True}),
    ("lstm", {}),
    ("lstm", {"reverse": True}),
]


def network(kind: str, spec: dict[str, bool]) -> Graph:
    """``kind(x Wx + bx)`` with random weights."""
    rng = np.random.default_rng(4)
    width = GATES[kind] * STATES
    build = GraphBuilder(kind)
    x = build.input("ids", ("steps",))
    table = build.constant("word.table", rng.normal(0, 1, (50, INPUTS)))
    word = build.apply("embedding", "word", x, table, shape=("steps", INPUTS))
    wx = build.constant("gates.weight", rng.normal(0, INPUTS**-0.5, (INPUTS, width)))
    bx = build.constant("gates.bias", rng.normal(0, 0.3, width))
    gates = build.apply("linear", "gates", word, wx, bx, shape=("steps", width))
    wh = build.constant("state.weight", rng.normal(0, 0.8 * STATES**-0.5, (STATES, width)))
    bh = (build.constant("state.bias", rng.normal(0, 0.3, width)),) if kind == "gru" else ()
    build.apply(kind, "state", gates, wh, *bh, shape=("steps", STATES), spec=spec)
    return build.finish("state")


def samples(count: int, seed: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [{"ids": rng.integers(0, 50, STEPS)} for _ in range(count)]


@pytest.mark.parametrize(("kind", "spec"), CASES)
def test_states_stay_close_over_64_steps(kind: str, spec: dict[str, bool]) -> None:
    """Two codes of 8 bits for the same gates and weight codes, four for the given weights."""
    graph = network(kind, spec)
    integer = quantize_network(graph, samples(4, 1))
    for sample in samples(3, 2):
        values = run_integer(integer, sample)
        states = values["state"] * 2.0**-15
        error = np.abs(states - same_codes(integer, kind, spec, values))
        assert error.max() <= 2 / 127
        assert error.mean() <= 0.2 / 127
        exact = run_real(graph, sample)["state"]
        assert np.abs(states - exact).max() <= 4 / 127
        assert np.abs(exact).max() > 0.5


def same_codes(
    integer: Graph, kind: str, spec: dict[str, bool], values: dict[str, np.ndarray]
) -> np.ndarray:
    """The real cell with the integer network's gates, weights and biases."""
    constants = integer.constants
    shift = constants["state.exponent_offset"] - RequantizeSpec().shift
    # The multiplier is scale(h) * scale(w) / (127 * scale(gates)).
    scale = constants["state.multiplier"] * 2.0**shift * 127 * 2.0**-12 * 2.0**15
    bias = [constants["state.bias"] / 256 * 2.0**-12] if kind == "gru" else []
    cell: Callable[..., np.ndarray] = getattr(real, kind)
    return cell(values["gates"] * 2.0**-12, constants["state.weight"] * scale, *bias, **spec)


@pytest.mark.parametrize(("kind", "spec"), CASES)
def test_the_first_step_is_within_its_bound(kind: str, spec: dict[str, bool]) -> None:
    """A state of zeros has codes without error."""
    integer = quantize_network(network(kind, spec), samples(4, 1))
    bound = 4 + 2 ** (14 - RecurrentSpec().cell_fraction_bits) * (kind == "lstm")
    for token in range(20):
        values = run_integer(integer, {"ids": np.array([token])})
        exact = same_codes(integer, kind, spec, values)
        assert np.abs(values["state"] - exact * 2**15).max() <= bound


def test_both_gru_conventions_differ() -> None:
    sample = samples(1, 2)[0]
    before, after = (
        run_integer(quantize_network(network("gru", spec), samples(4, 1)), sample)["state"]
        for spec in ({}, {"reset_after": True})
    )
    assert np.abs(before - after).max() > 1000


def test_the_reverse_direction_starts_at_the_end() -> None:
    graph = quantize_network(network("lstm", {"reverse": True}), samples(4, 1))
    ids = samples(1, 2)[0]["ids"]
    whole, tail = (run_integer(graph, {"ids": x})["state"] for x in (ids, ids[40:]))
    assert (whole[40:] == tail).all()
    assert (whole[0] != tail[0]).any()


def test_state_updates_round_once() -> None:
    rng = np.random.default_rng(0)
    count = 20000
    z, i, f = (rng.integers(0, 1 << 15, count) for _ in range(3))
    h, candidate, c = (rng.integers(-(1 << 15), 1 << 15, count) for _ in range(3))
    unit = 2.0**-15
    exact = z * unit * h + (1 - z * unit) * candidate
    assert np.abs(gru_update(z, h, candidate) - exact).max() <= 0.5
    assert np.abs(multiply(h, z) - h * (z * unit)).max() <= 0.5
    spec = RecurrentSpec(cell_fraction_bits=11)
    exact = f * unit * c + i * unit * candidate * 2.0 ** (11 - 15)
    inside = np.abs(exact) < 32767
    assert np.abs(cell_update(spec, c, i, f, candidate) - exact)[inside].max() <= 0.5


def test_a_full_cell_saturates() -> None:
    spec = RecurrentSpec()
    full, one = np.array([32767, -32768]), np.array([32767, 32767])
    grown = cell_update(spec, full, one, one, np.array([32767, -32768]))
    assert grown.tolist() == [32767, -32768]
    assert gru_update(np.array([0]), np.array([5]), np.array([-32768])).tolist() == [-32768]
