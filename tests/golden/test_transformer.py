"""Encoder-decoder: masks, norms, integers against floats, decoding with a cache."""

from dataclasses import replace

import numpy as np
import pytest

from golden.graph import Graph
from golden.networks.check import check_network
from golden.networks.decoding import Growing, beam, greedy
from golden.networks.instances import TRANSLATOR, VOCABULARY
from golden.networks.run import call_integer, call_real, run_integer, run_real
from golden.networks.transformer import encoder_decoder
from golden.networks.weights import random_weights
from golden.quantize import QuantizeSettings, quantize_network


def network(norm: str, **settings: object) -> Graph:
    weights = random_weights(0)
    # Probabilities that differ, as a trained network's do.
    sharp = weights.of_shape("logits.weight", (TRANSLATOR.width, VOCABULARY))
    sharp *= 3
    return encoder_decoder("translator", replace(TRANSLATOR, norm=norm, **settings), weights)


def inputs(seed: int, source: int = 9, target: int = 7) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "source_ids": rng.integers(0, VOCABULARY, source),
        "source_mask": np.arange(source) < source - seed % 3,
        "target_ids": rng.integers(0, VOCABULARY, target),
    }


def integer_network(norm: str, **settings: object) -> Graph:
    samples = [inputs(seed, 12, 12) for seed in range(100, 112)]
    return quantize_network(
        network(norm, **settings),
        samples,
        QuantizeSettings(probability_bits=12, softmax_bits=12, key_block=4),
    )


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_integers_keep_the_probabilities(norm: str) -> None:
    real, integer = network(norm), integer_network(norm)
    for seed in range(5):
        p = run_real(real, inputs(seed))["probabilities"]
        q = run_integer(integer, inputs(seed))["probabilities"]
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
        q = q * integer.tensors["probabilities"].scale
        cosine = (p * q).sum(axis=1) / np.linalg.norm(p, axis=1) / np.linalg.norm(q, axis=1)
        assert cosine.min() > 0.99
        assert np.abs(q.sum(axis=1) - 1).max() < 0.01


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_padding_and_later_tokens_change_nothing(norm: str) -> None:
    for graph, run in ((network(norm), run_real), (integer_network(norm), run_integer)):
        given = inputs(1)
        expected = run(graph, given)["probabilities"]
        padded = {
            **given,
            "source_ids": np.append(given["source_ids"], [3, 5, 7]),
            "source_mask": np.append(given["source_mask"], [False] * 3),
        }
        longer = {**given, "target_ids": np.append(given["target_ids"], [1, 2])}
        np.testing.assert_allclose(run(graph, padded)["probabilities"], expected, atol=1e-12)
        np.testing.assert_allclose(run(graph, longer)["probabilities"][:7], expected, atol=1e-12)
        other = {**given, "source_ids": (given["source_ids"] + 1) % VOCABULARY}
        assert np.abs(run(graph, other)["probabilities"] - expected).max() > 1e-3


@pytest.mark.parametrize("norm", ["post", "pre"])
@pytest.mark.parametrize("pieces", [(1, 1, 1, 1, 1, 1, 1), (3, 4), (7,)])
def test_growing_rows_equal_the_whole_run_bit_for_bit(norm: str, pieces: tuple[int, ...]) -> None:
    graph, given = integer_network(norm), inputs(2)
    whole = run_integer(graph, given)["probabilities"]
    fixed = {name: given[name] for name in ("source_ids", "source_mask")}
    growing = Growing(graph, fixed, "target_ids", call_integer)
    ends = np.cumsum(pieces)[:-1]
    rows = [growing.append(piece) for piece in np.split(given["target_ids"], ends)]
    assert (np.concatenate(rows) == whole).all()


KINDS = [{"bias_token": True}, {"kind": "linear"}]


@pytest.mark.parametrize("settings", KINDS)
def test_other_kinds_of_attention_grow_and_keep_the_probabilities(settings: dict) -> None:
    """Bias tokens beside masks and causality, and linear attention; row by row the same bits."""
    real, graph = network("post", **settings), integer_network("post", **settings)
    check_network(graph)
    plain = network("post")
    for seed in range(3):
        given = inputs(seed)
        p = run_real(real, given)["probabilities"]
        q = run_integer(graph, given)["probabilities"]
        cosine = (p * q).sum(axis=1) / np.linalg.norm(p, axis=1) / np.linalg.norm(q, axis=1)
        assert cosine.min() > 0.99
        assert np.abs(run_real(plain, given)["probabilities"] - p).max() > 1e-3
        longer = {**given, "target_ids": np.append(given["target_ids"], [1, 2])}
        later = run_real(real, longer)["probabilities"][:7]
        np.testing.assert_allclose(later, p, atol=1e-12)
        fixed = {name: given[name] for name in ("source_ids", "source_mask")}
        growing = Growing(graph, fixed, "target_ids", call_integer)
        rows = [growing.append(piece) for piece in np.split(given["target_ids"], [1, 4])]
        assert (np.concatenate(rows) == q).all()


@pytest.mark.parametrize(("norm", "make", "call"), [
    ("post", network, call_real),
    ("pre", integer_network, call_integer),
])  # fmt: skip
def test_greedy_and_beam(norm: str, make, call) -> None:
    graph, given = make(norm), inputs(4)
    fixed = {name: given[name] for name in ("source_ids", "source_mask")}

    def start() -> Growing:
        return Growing(graph, fixed, "target_ids", call)

    run = run_real if call is call_real else run_integer
    tokens: list[int] = []
    for _ in range(8):
        ids = np.array([0, *tokens])
        tokens.append(int(run(graph, {**fixed, "target_ids": ids})["probabilities"][-1].argmax()))
        if tokens[-1] == 1:
            break
    assert greedy(start(), 0, 1, 8) == tokens
    assert list(beam(start(), 0, 1, 8, 1).tokens) == tokens
    narrow, wide = (beam(start(), 0, 1, 8, width) for width in (1, 6))
    assert wide.score >= narrow.score


def test_a_norm_has_one_of_two_places() -> None:
    with pytest.raises(ValueError, match="norm must be 'post' or 'pre', not 'both'"):
        network("both")
