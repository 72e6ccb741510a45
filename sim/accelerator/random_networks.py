"""Random small networks: what every program must survive, whatever its shapes."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder, last_axis
from golden.networks.instances import VOCABULARY, sample
from golden.networks.layers import Layers
from golden.networks.run import quantize_inputs
from golden.networks.weights import random_weights
from golden.quantize import quantize_network
from hw.accelerator.machine import Machine
from sim.accelerator.networks import Loaded, settings

LONGEST = 24
"""Rows of the longest input."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network with inputs for it; the same seed gives the same case."""

    seed: int
    loaded: Loaded
    inputs: list[dict[str, Any]]


def random_case(seed: int, machine: Machine, runs: int = 1) -> Case:
    """Up to six steps of any kind, ``runs`` inputs of different lengths.

    One network in four has its attention on the cores, and where linear attention reads a mask.
    """
    real = _RandomNetwork(seed).graph
    samples = [sample(real, seed + index) for index in range(2)]
    linear = any(one.kind == "linear_attention" for one in real.operators)
    on_cores = seed % 4 == 1 or (linear and "mask" in real.inputs)
    attention = "cores" if on_cores else "engine"
    graph = quantize_network(real, samples, settings(machine, attention))
    rng = np.random.default_rng(seed)
    inputs = [
        quantize_inputs(graph, sample(graph, seed + index, int(rng.integers(1, LONGEST + 1))))
        for index in range(runs)
    ]
    return Case(seed=seed, loaded=Loaded(graph=graph, maximums={"tokens": LONGEST}), inputs=inputs)


class _RandomNetwork:
    """Appends steps to a tensor of rows, then perhaps what makes one row of them."""

    def __init__(self, seed: int) -> None:
        self._rng, self._masks = (np.random.default_rng(x) for x in (seed, (seed, 1)))
        self._builder = GraphBuilder(f"random {seed}")
        self._layers = Layers(self._builder, random_weights(seed))
        self._count = 0
        x = self._input()
        steps = (
            *(self._linear, self._feed_forward, self._attention, self._cross, self._cell),
            *(self._function, self._product, self._norm, self._prepend),
        )
        for _ in range(int(self._rng.integers(1, 7))):
            x = steps[int(self._rng.integers(len(steps)))](x)
        ends = (self._nothing, self._mean, self._last, self._largest, self._ranks)
        x = ends[int(self._rng.integers(len(ends)))](x)
        self.graph: Graph = self._builder.finish(x)

    def _name(self) -> str:
        self._count += 1
        return f"step.{self._count}"

    def _size(self, low: int, high: int) -> int:
        return int(self._rng.integers(low, high + 1))

    def _width(self, x: str) -> int:
        return last_axis(self._builder.tensors[x])

    def _input(self) -> str:
        width = self._size(2, 70)
        if self._rng.random() < 0.5:
            return self._builder.input("input", ("tokens", width))
        ids = self._builder.input("token_ids", ("tokens",))
        word = self._layers.lookup("word", ids, (VOCABULARY, width))
        return self._layers.positions("position", word, LONGEST)

    def _linear(self, x: str) -> str:
        return self._layers.linear(self._name(), x, self._size(1, 90))

    def _feed_forward(self, x: str) -> str:
        # States of a cell have a scale of their own, which no sum fits.
        x = self._linear(x)
        name, width = self._name(), self._width(x)
        inner = self._layers.linear(f"{name}.in", x, self._size(1, 90))
        kinds = ("gelu", "relu", "tanh", "sigmoid")
        active = self._layers.same(kinds[self._size(0, 3)], f"{name}.active", inner)
        out = self._layers.linear(f"{name}.out", active, width)
        total = self._layers.add(f"{name}.sum", x, out)
        return self._layers.layer_norm(name, total, 1e-6) if width > 1 else total

    def _attention(self, x: str, source: str | None = None) -> str:
        name, heads = self._name(), self._size(1, 3)
        width, seen = heads * self._size(2, 20), source or x
        query, key, value = (
            self._layers.linear(f"{name}.{part}", of, width)
            for part, of in (("query", x), ("key", seen), ("value", seen))
        )
        causal = source is None and self._rng.random() < 0.4
        rows = self._builder.tensors[x].shape[0]
        masks = self._mask() if source is None and rows == "tokens" else ()
        kind = "attention"
        if self._masks.random() < 0.2:
            kind = "linear_attention"
            query = self._layers.same("elu_plus_one", f"{name}.query.features", query)
            key = self._layers.same("elu_plus_one", f"{name}.key.features", key)
        context = self._builder.apply(
            kind,
            f"{name}.attention",
            *(query, key, value, *masks),
            shape=(rows, width),
            spec={"heads": heads, "causal": causal},
        )
        return self._layers.linear(f"{name}.output", context, self._size(2, 60))

    def _mask(self) -> tuple[str, ...]:
        """The mask of the input's rows, for every third attention to them."""
        if self._masks.random() < 0.67:
            return ()
        known = "mask" in self._builder.tensors
        return ("mask" if known else self._builder.input("mask", ("tokens",)),)

    def _cross(self, x: str) -> str:
        return self._attention(x, self._prepend(self._linear(x)))

    def _cell(self, x: str) -> str:
        cell = ("rnn", "gru", "lstm")[self._size(0, 2)]
        spec = {"reset_after": self._rng.random() < 0.5} if cell == "gru" else {}
        reverse = self._rng.random() < 0.3
        width = self._size(2, 40)
        name = self._name()
        if self._rng.random() < 0.3:
            return self._layers.bidirectional(name, x, cell, width=width, **spec)
        return self._layers.recurrent(name, x, cell, width=width, reverse=reverse, **spec)

    def _function(self, x: str) -> str:
        kinds = ("gelu", "relu", "tanh", "sigmoid")
        inner = self._layers.linear(self._name(), x, self._size(2, 60))
        return self._layers.same(kinds[self._size(0, 3)], self._name(), inner)

    def _product(self, x: str) -> str:
        width = self._size(2, 60)
        one, other = (self._layers.linear(self._name(), x, width) for _ in range(2))
        return self._layers.same("multiply", self._name(), one, other)

    def _norm(self, x: str) -> str:
        inner = self._layers.linear(self._name(), x, self._size(4, 90))
        if self._rng.random() < 0.5:
            return self._layers.batch_norm(self._name(), inner)
        return self._layers.layer_norm(self._name(), inner, 1e-6)

    def _prepend(self, x: str) -> str:
        inner = self._layers.linear(self._name(), x, self._size(2, 60))
        return self._layers.prepend(self._name(), inner, self._size(1, 3))

    def _nothing(self, x: str) -> str:
        return x

    def _mean(self, x: str) -> str:
        inner = self._layers.linear(self._name(), x, self._size(2, 60))
        width = self._width(inner)
        pooled = self._builder.apply("mean_pool", self._name(), inner, shape=(width,))
        return self._builder.apply("l2_normalize", self._name(), pooled, shape=(width,))

    def _last(self, x: str) -> str:
        return self._layers.rows(self._name(), self._linear(x), -1, None)

    def _largest(self, x: str) -> str:
        return self._layers.max_pool(self._name(), self._linear(x), None)

    def _ranks(self, x: str) -> str:
        inner = self._layers.linear(self._name(), x, self._size(8, 60))
        rows, name = self._builder.tensors[inner].shape[0], self._name()
        k = self._size(1, 8)
        return self._builder.apply(
            "top_k",
            name,
            inner,
            shape=(rows, k),
            spec={"k": k},
            further_outputs={f"{name}.indices": {"shape": (rows, k)}},
        )
