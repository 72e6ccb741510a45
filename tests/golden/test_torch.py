"""PyTorch's modules beside the real networks, of random shapes, with weights by their name maps."""

from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from golden.graph import Graph
from golden.models import torch_weights
from golden.networks.builder import GraphBuilder
from golden.networks.layers import Layers
from golden.networks.run import run_real
from golden.networks.transformer import EncoderShape, Stack
from golden.real.attention import attention
from golden.real.layer_norm import layer_norm

EPSILON = 1e-5
TOLERANCE = 1e-9
sizes = st.integers(1, 9)
seeds = st.integers(0, 10_000)
few = settings(max_examples=15)
stacks = st.fixed_dictionaries({
    "heads": st.integers(1, 4),
    "depth": st.integers(1, 6),
    "feed_forward": sizes,
    "norm": st.sampled_from(["post", "pre"]),
    "activation": st.sampled_from(["relu", "gelu"]),
    "seed": seeds,
})  # fmt: skip


@pytest.fixture(scope="module")
def torch(package) -> ModuleType:
    return package("torch")


def arrays(torch: ModuleType, module) -> dict[str, np.ndarray]:
    """The module's weights, made random: its own start has biases and norms of zeros and ones."""
    with torch.no_grad():
        for x in module.parameters():
            x.add_(torch.randn_like(x), alpha=0.3)
    return {name: x.numpy() for name, x in module.state_dict().items()}


def run_torch(torch: ModuleType, module, *given, **options) -> np.ndarray:
    """The module's first output; arrays become tensors on the way."""
    there = [torch.from_numpy(x) for x in given]
    named = {n: torch.from_numpy(x) if isinstance(x, np.ndarray) else x for n, x in options.items()}
    with torch.no_grad():
        result = module.eval()(*there, **named)
    return (result[0] if isinstance(result, tuple) else result).numpy()


def layer(torch: ModuleType, kind: str, case: dict) -> tuple:
    """PyTorch's layer, its shape in our words, and numbers to run it with."""
    torch.manual_seed(case["seed"])
    width = case["heads"] * case["depth"]
    module = getattr(torch.nn, kind)(
        width, case["heads"], case["feed_forward"], activation=case["activation"],
        norm_first=case["norm"] == "pre", batch_first=True, dtype=torch.float64,
    )  # fmt: skip
    shape = EncoderShape(
        layers=1, width=width, heads=case["heads"], feed_forward=case["feed_forward"], positions=1,
        epsilon=EPSILON, activation=case["activation"], norm=case["norm"],
    )  # fmt: skip
    return module, shape, np.random.default_rng(case["seed"])


def visible(rng: np.random.Generator, keys: int) -> np.ndarray:
    """True where a key counts: the last few are padding, at least one is not."""
    return np.arange(keys) < rng.integers(1, keys + 1)


@few
@given(case=stacks, tokens=sizes, causal=st.booleans())
def test_encoder_layers(torch: ModuleType, case: dict, tokens: int, causal: bool) -> None:
    module, shape, rng = layer(torch, "TransformerEncoderLayer", case)
    x, seen = rng.normal(0, 1, (tokens, shape.width)), visible(rng, tokens)
    build = GraphBuilder("encoder")
    stack = Stack(build, shape, torch_weights.encoder_layer("0", arrays(torch, module)), "tokens")
    hidden, mask = build.input("hidden", ("tokens", shape.width)), build.input("mask", ("tokens",))
    graph = build.finish(
        stack.feed_forward("0", stack.attention("0", hidden, hidden, mask, causal=causal))
    )
    found = run_real(graph, {"hidden": x, "mask": seen})[graph.outputs[0]]
    expected = run_torch(
        torch, module, x[None], src_key_padding_mask=~seen[None],
        src_mask=np.triu(np.ones((tokens, tokens), bool), 1) if causal else None,
    )[0]  # fmt: skip
    # What stands where there is padding is nobody's.
    np.testing.assert_allclose(found[seen], expected[seen], TOLERANCE, TOLERANCE)


@few
@given(case=stacks, source=sizes, target=sizes)
def test_decoder_layers(torch: ModuleType, case: dict, source: int, target: int) -> None:
    module, shape, rng = layer(torch, "TransformerDecoderLayer", case)
    x, memory = (rng.normal(0, 1, (rows, shape.width)) for rows in (target, source))
    seen = visible(rng, source)
    build = GraphBuilder("decoder")
    stack = Stack(build, shape, torch_weights.decoder_layer("0", arrays(torch, module)), "target")
    hidden = build.input("hidden", ("target", shape.width))
    read = build.input("memory", ("source", shape.width))
    mask = build.input("mask", ("source",))
    hidden = stack.attention("0.self", hidden, hidden, causal=True)
    hidden = stack.attention("0.cross", hidden, read, mask)
    graph = build.finish(stack.feed_forward("0", hidden))
    found = run_real(graph, {"hidden": x, "memory": memory, "mask": seen})[graph.outputs[0]]
    expected = run_torch(
        torch, module, x[None], memory[None], memory_key_padding_mask=~seen[None],
        tgt_mask=np.triu(np.ones((target, target), bool), 1),
    )[0]  # fmt: skip
    np.testing.assert_allclose(found, expected, TOLERANCE, TOLERANCE)


@few
@given(
    heads=st.integers(1, 4), depth=sizes, queries=sizes, keys=sizes, key_width=sizes,
    masked=st.sampled_from(["nothing", "pairs", "added", "padding"]),
    token=st.booleans(), bias=st.booleans(), seed=seeds,
)  # fmt: skip
def test_multihead_attention(torch: ModuleType, **case) -> None:
    """Masks of pairs, true or added, padding; keys of another depth; learned key and value."""
    c = SimpleNamespace(**case)
    torch.manual_seed(c.seed)
    rng = np.random.default_rng(c.seed)
    width = c.heads * c.depth
    module = torch.nn.MultiheadAttention(
        width, c.heads, bias=c.bias, add_bias_kv=c.token, kdim=c.key_width, vdim=c.key_width,
        batch_first=True, dtype=torch.float64,
    )  # fmt: skip
    given_weights = torch_weights.multihead_attention("one", arrays(torch, module))
    query = rng.normal(0, 1, (c.queries, width))
    key = rng.normal(0, 1, (c.keys, c.key_width))
    seen = rng.random((c.queries, c.keys)) < 0.5
    seen[:, rng.integers(c.keys)] = True
    mask, options = {
        "nothing": (None, {}),
        "pairs": (seen, {"attn_mask": ~seen}),
        "added": (added := rng.normal(0, 2, seen.shape), {"attn_mask": added}),
        "padding": (seen[0], {"key_padding_mask": ~seen[:1]}),
    }[c.masked]

    def product(name: str, x: np.ndarray) -> np.ndarray:
        return x @ given_weights[f"one.{name}.weight"] + given_weights.get(f"one.{name}.bias", 0)

    q, k, v = product("query", query), product("key", key), product("value", key)
    if c.token:
        tables = [given_weights[f"one.{name}.bias_token.table"] for name in ("key", "value")]
        k, v = (np.concatenate(pair) for pair in zip(tables, (k, v), strict=True))
        if mask is not None:
            # Every query sees the learned key, whatever else it sees.
            first = np.zeros if mask.dtype.kind == "f" else np.ones
            mask = np.concatenate([first((*mask.shape[:-1], 1), mask.dtype), mask], axis=-1)
    found = product("output", attention(q, k, v, mask, heads=c.heads))
    expected = run_torch(torch, module, query[None], key[None], key[None], **options)[0]
    np.testing.assert_allclose(found, expected, TOLERANCE, TOLERANCE)


def stacked(kind: str, layers: int, both: bool, weights: dict[str, np.ndarray]) -> Graph:
    """Recurrent layers one upon the other."""
    build = GraphBuilder(kind)
    layer = Layers(build, weights)
    x = build.input("input", ("steps", weights[next(iter(weights))].shape[0]))
    spec = {"reset_after": True} if kind == "gru" else {}
    for index in range(layers):
        make = layer.bidirectional if both else layer.recurrent
        x = make(f"cell.{index}", x, kind, **spec)
    return build.finish(x)


@pytest.mark.parametrize("kind", ["rnn", "gru", "lstm"])
@few
@given(
    inputs=sizes, states=sizes, steps=sizes, layers=st.integers(1, 3),
    both=st.booleans(), bias=st.booleans(), seed=seeds,
)  # fmt: skip
def test_recurrent_layers(torch: ModuleType, kind: str, **case) -> None:
    c = SimpleNamespace(**case)
    torch.manual_seed(c.seed)
    module = getattr(torch.nn, kind.upper())(
        c.inputs, c.states, c.layers, bias=c.bias, batch_first=True, bidirectional=c.both,
        dtype=torch.float64,
    )  # fmt: skip
    weights = torch_weights.recurrent("cell", arrays(torch, module))
    graph = stacked(kind, c.layers, c.both, weights)
    x = np.random.default_rng(c.seed).normal(0, 1, (c.steps, c.inputs))
    found = run_real(graph, {"input": x})[graph.outputs[0]]
    expected = run_torch(torch, module, x[None])[0]
    np.testing.assert_allclose(found, expected, TOLERANCE, TOLERANCE)


@few
@given(rows=sizes, width=sizes, seed=seeds)
def test_layer_norms(torch: ModuleType, rows: int, width: int, seed: int) -> None:
    torch.manual_seed(seed)
    module = torch.nn.LayerNorm(width, dtype=torch.float64)
    weights = torch_weights.layer_norm("one", arrays(torch, module))
    x = np.random.default_rng(seed).normal(3, 2, (rows, width))
    found = layer_norm(x, *weights.values(), epsilon=EPSILON)
    np.testing.assert_allclose(found, run_torch(torch, module, x), TOLERANCE, TOLERANCE)


def test_embeddings_and_unknown_cells(torch: ModuleType) -> None:
    module = torch.nn.Sequential(torch.nn.Embedding(5, 3))
    inner = torch_weights.part(arrays(torch, module), "0")
    (table,) = torch_weights.embedding("word", inner).values()
    np.testing.assert_array_equal(table[[4, 1]], run_torch(torch, module, np.array([4, 1])))
    two = {"weight_ih_l0": np.zeros((4, 3)), "weight_hh_l0": np.zeros((4, 2))}
    with pytest.raises(ValueError, match=r"cell 'x.0' has 2 gates: an RNN has 1, a GRU 3"):
        torch_weights.recurrent("x", two)
