"""Graphs refuse wrong wiring; the executors read and write what the graph says."""

import numpy as np
import pytest

from golden.graph import Graph, Operator, Tensor
from golden.networks.builder import GraphBuilder
from golden.networks.describe import describe
from golden.networks.run import run_integer, run_real
from golden.operator_spec import ResidualAddSpec

X = Tensor(name="x", shape=("tokens", 4), bits=16, scale=1.0)
Y = Tensor(name="y", shape=("tokens", 4), bits=16, scale=1.0)


def add(name: str, *inputs: str, output: str = "y") -> Operator:
    return Operator(
        name=name, kind="residual_add", spec=ResidualAddSpec(), inputs=inputs, outputs=(output,)
    )


def graph(*operators: Operator, outputs: tuple[str, ...] = ("y",)) -> Graph:
    return Graph(
        name="test",
        inputs=("x",),
        outputs=outputs,
        tensors={"x": X, "y": Y},
        operators=operators,
        constants={"one": np.ones(4, int)},
    )


def test_an_operator_reads_only_what_was_made_before() -> None:
    with pytest.raises(ValueError, match="'first' reads 'z' before anything makes it"):
        graph(add("first", "x", "z"))


def test_a_tensor_is_made_once() -> None:
    with pytest.raises(ValueError, match="'second' makes 'y' a second time"):
        graph(add("first", "x", "x"), add("second", "x", "x"))


def test_every_output_of_an_operator_has_a_shape() -> None:
    with pytest.raises(ValueError, match="'z' of operator 'first' has no shape"):
        graph(add("first", "x", "x", output="z"))


def test_every_output_of_the_graph_is_made() -> None:
    with pytest.raises(ValueError, match="output 'z' of graph 'test'"):
        graph(add("first", "x", "x"), outputs=("z",))


def test_the_executor_needs_every_input() -> None:
    with pytest.raises(ValueError, match="'test' needs the input 'x'"):
        run_integer(graph(add("first", "x", "one")), {})


def test_an_integer_graph_runs() -> None:
    values = run_integer(graph(add("first", "x", "one")), {"x": np.array([[1, -2, 32767, 0]])})
    assert values["y"].tolist() == [[2, -1, 32767, 1]]


def test_a_real_graph_runs_with_named_arguments() -> None:
    build = GraphBuilder("norm")
    x = build.input("x", ("rows", 2))
    gain = build.constant("gain", np.ones(2))
    bias = build.constant("bias", np.zeros(2))
    build.apply("layer_norm", "y", x, gain, bias, shape=("rows", 2), spec={"epsilon": 3.0})
    values = run_real(build.finish("y"), {"x": np.array([[1.0, -1.0]])})
    assert values["y"].tolist() == [[0.5, -0.5]]


def test_the_builder_refuses_a_second_constant_of_one_name() -> None:
    build = GraphBuilder("test")
    build.constant("w", 1)
    with pytest.raises(ValueError, match="'w' of graph 'test' is declared twice"):
        build.constant("w", 2)


def test_describe_counts_products_and_bytes() -> None:
    build = GraphBuilder("test")
    x = build.input("x", ("tokens", 8), bits=16)
    build.constant("w", np.ones((8, 3), np.int8))
    build.apply("linear", "y", x, "w", shape=("tokens", 3), bits=16)
    build.apply("attention", "z", "y", "y", "y", shape=("tokens", 3), bits=16)
    first, second = describe(build.finish("z"), {"tokens": 5})
    assert first[:3] == ("y", "linear", (5, 3))
    assert first[3:] == (5 * 8 * 3, 24, 30, False)
    assert second.macs == 2 * 5 * 5 * 3
    with pytest.raises(ValueError, match="needs a length for 'tokens'"):
        describe(build.finish("z"), {})


def test_describe_counts_the_other_attentions() -> None:
    build = GraphBuilder("test")
    x, y = build.input("x", ("tokens", 8)), build.input("y", ("keys", 8))
    w = {name: build.constant(name, np.ones(shape, np.int8)) for name, shape in {
        "wq": (8, 8), "wc": (8, 24), "wh": (8, 24), "bh": (24,), "energy": (8,)
    }.items()}  # fmt: skip
    gates = build.input("gates", ("tokens", 24))
    build.apply("linear_attention", "a", x, y, y, shape=("tokens", 8), spec={"heads": 2})
    build.apply("additive_attention", "b", x, y, y, w["energy"], shape=("tokens", 8))
    build.apply("attention_recurrent", "c", gates, y, y, x, *w.values(), shape=("tokens", 8))
    sizes = describe(build.finish("a", "b", "c"), {"tokens": 5, "keys": 7})
    assert [size.macs for size in sizes] == [
        (7 + 5) * 8 * 4 + 5 * 8,
        5 * 7 * (8 + 8),
        5 * (8 * 8 + 8 * 24 + 8 * 24 + 7 * (8 + 8)),
    ]
