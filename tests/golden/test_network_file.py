"""Networks as files: what is saved comes back, and what was cut or altered is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from golden.graph import Graph
from golden.networks.check import check_network
from golden.networks.file import FORMAT, digest, load_network, save_network
from golden.networks.keyword import MHATT_RNN, attention_rnn, keyword_transformer, kwt_shape
from golden.networks.run import quantize_inputs, run_integer
from golden.networks.weights import random_weights
from golden.quantize import quantize_network

RNG = np.random.default_rng(5)
MAKE: dict[str, Callable[[], Graph]] = {
    "kwt": lambda: keyword_transformer("kwt", kwt_shape(1, layers=1, delta=0.1), random_weights(4)),
    "mhatt_rnn": lambda: attention_rnn(
        "mhatt_rnn", replace(MHATT_RNN, frames=20, query_frame=9, states=8), random_weights(4)
    ),
}


def sample(graph: Graph) -> dict[str, np.ndarray]:
    return {"input": RNG.normal(0, 1, graph.tensors["input"].shape)}


@pytest.fixture(scope="module", params=MAKE)
def network(request: pytest.FixtureRequest) -> Graph:
    real = MAKE[request.param]()
    return quantize_network(real, [sample(real) for _ in range(2)])


@pytest.fixture
def saved(network: Graph, tmp_path: Path) -> Path:
    path = tmp_path / "network.safetensors"
    save_network(network, path)
    return path


def rewrite(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Change metadata's graph and the header, with a right SHA-256."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    metadata = header.pop("__metadata__")
    graph = json.loads(metadata["graph"])
    change(graph, header)
    metadata["graph"] = json.dumps(graph)
    metadata["sha256"] = digest(metadata, header, data)
    text = json.dumps({"__metadata__": metadata, **header}).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def test_a_loaded_network_gives_the_same_bits(network: Graph, saved: Path) -> None:
    loaded = load_network(saved)
    assert loaded.operators == network.operators
    assert loaded.tensors == network.tensors
    given = quantize_inputs(network, sample(network))
    x, y = (run_integer(graph, given)[network.outputs[0]] for graph in (network, loaded))
    assert (x == y).all()
    again = saved.with_name("again.safetensors")
    save_network(loaded, again)
    assert again.read_bytes() == saved.read_bytes()
    assert sorted(path.name for path in saved.parent.iterdir()) == [again.name, saved.name]


def test_safetensors_own_reader_reads_it(network: Graph, saved: Path) -> None:
    constants = load_file(saved)
    assert constants.keys() == network.constants.keys()
    for name, x in network.constants.items():
        assert (constants[name] == x).all()
        assert constants[name].dtype == np.asarray(x).dtype
    with safe_open(saved, "numpy") as file:
        assert file.metadata()["format"] == FORMAT


def test_a_truncated_file_is_refused(saved: Path) -> None:
    content = saved.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    for length in (0, 5, 8, 100, header - 1, header, header + 1, len(content) - 1):
        saved.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"is refused: it.* ends after .*: copy it again"):
            load_network(saved)


def test_an_altered_file_is_refused(saved: Path) -> None:
    """One bit of any byte, in the header, in the graph or in the data."""
    content = saved.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    anywhere = [*RNG.integers(0, len(content), 40), *RNG.integers(0, header, 40), 0, 7, 8]
    for position in map(int, anywhere):
        altered = bytearray(content)
        altered[position] ^= 1 << int(RNG.integers(0, 8))
        saved.write_bytes(altered)
        with pytest.raises(ValueError, match="is refused: "):
            load_network(saved)
    saved.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="it was altered"):
        load_network(saved)


def test_another_version_and_other_files_are_refused(saved: Path, tmp_path: Path) -> None:
    content = saved.read_bytes()
    saved.write_bytes(content.replace(b'"version":"1"', b'"version":"2"'))
    with pytest.raises(ValueError, match="its version is '2', this release reads '1'"):
        load_network(saved)
    saved.write_bytes(content.replace(FORMAT.encode(), b"another.format"))
    with pytest.raises(ValueError, match="it is no integer network"):
        load_network(saved)
    saved.write_bytes((2).to_bytes(8, "little") + b"{}")
    with pytest.raises(ValueError, match="it is no integer network"):
        load_network(saved)
    with pytest.raises(ValueError, match=r"none.safetensors is no file"):
        load_network(tmp_path / "none.safetensors")


def first(items: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(item for item in items if item["kind"] == kind)


def drop_name(graph: dict[str, Any], header: dict[str, Any]) -> None:
    del graph["name"]


def unknown_kind(graph: dict[str, Any], header: dict[str, Any]) -> None:
    first(graph["operators"], "linear")["kind"] = "quadratic"


def unknown_spec(graph: dict[str, Any], header: dict[str, Any]) -> None:
    first(graph["operators"], "linear")["spec"]["class"] = "Path"


def wrong_spec(graph: dict[str, Any], header: dict[str, Any]) -> None:
    first(graph["operators"], "linear")["spec"]["shift"] = 3


def more_in_a_spec(graph: dict[str, Any], header: dict[str, Any]) -> None:
    first(graph["operators"], "linear")["spec"]["colour"] = 3


def no_scale(graph: dict[str, Any], header: dict[str, Any]) -> None:
    graph["tensors"][1]["scale"] = 0.0


def no_rows(graph: dict[str, Any], header: dict[str, Any]) -> None:
    graph["tensors"][1]["shape"][0] = 0


def lost_constant(graph: dict[str, Any], header: dict[str, Any]) -> None:
    del header[first(graph["operators"], "linear")["inputs"][2]]


def other_shape(graph: dict[str, Any], header: dict[str, Any]) -> None:
    entry = header[first(graph["operators"], "linear")["inputs"][2]]
    entry["shape"] = entry["shape"][::-1]


def longer_shape(graph: dict[str, Any], header: dict[str, Any]) -> None:
    header[first(graph["operators"], "linear")["inputs"][2]]["shape"][0] += 1


def float_constant(graph: dict[str, Any], header: dict[str, Any]) -> None:
    header[first(graph["operators"], "linear")["inputs"][3]]["dtype"] = "F32"


def turned_wires(graph: dict[str, Any], header: dict[str, Any]) -> None:
    graph["operators"].reverse()


@pytest.mark.parametrize(("change", "message"), [
    (drop_name, r"its header is not understood \(KeyError\('name'\)\)"),
    (unknown_kind, "of the unknown kind 'quadratic'"),
    (unknown_spec, "the spec 'Path' is unknown"),
    (wrong_spec, "shift must be an integer from .*, not 3"),
    (more_in_a_spec, "is not understood .*colour"),
    (no_scale, "has the impossible scale 0.0"),
    (no_rows, "has the impossible shape"),
    (lost_constant, "before anything makes it"),
    (other_shape, "has the shape .*, not "),
    (longer_shape, "bytes, not "),
    (float_constant, "has the unknown type 'F32'"),
    (turned_wires, "before anything makes it"),
])  # fmt: skip
def test_a_file_of_another_maker_is_checked(saved: Path, change, message: str) -> None:
    """Its SHA-256 is right; its content is not."""
    rewrite(saved, change)
    with pytest.raises(ValueError, match=f"is refused: .*{message}"):
        load_network(saved)


@pytest.mark.parametrize(("kind", "position", "wrong", "message"), [
    ("linear", 2, -128, "holds -128, outside -127 to 127"),
    ("linear", 3, -1, "holds -1, outside 0 to 65535"),
    ("linear", 4, 1 << 31, "holds 2147483648, outside"),
    ("quantize", 1, 200, "holds 200, outside -128 to 127"),
    ("attention", 3, 0, "holds 0, outside 1 to 32768"),
    ("layer_norm", 1, 65536, "holds 65536, outside -65535 to 65535"),
    ("layer_norm", 3, -1, "holds -1, outside 0 to"),
    ("prepend", 1, 40000, "holds 40000, outside -32768 to 32767"),
    ("affine", 2, 32, "holds 32, outside -32 to 31"),
    ("affine", 3, 1 << 40, "holds 1099511627776, outside"),
    ("gru", 4, -(1 << 40), "holds -1099511627776, outside"),
    ("gru", 1, 128, "holds 128, outside -127 to 127"),
])  # fmt: skip
def test_constants_are_held_to_their_bits(
    network: Graph, tmp_path: Path, kind: str, position: int, wrong: int, message: str
) -> None:
    operator = next((o for o in network.operators if o.kind == kind), None)
    if operator is None:
        assert network.name == ("kwt" if kind in {"affine", "gru"} else "mhatt_rnn")
        return
    name = operator.inputs[position]
    changed = np.array(network.constants[name]).astype(np.int64)
    changed[(0,) * changed.ndim] = wrong
    graph = replace(network, constants={**network.constants, name: changed})
    with pytest.raises(ValueError, match=message):
        save_network(graph, tmp_path / "wrong.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_real_network_is_not_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'.*' holds float64, not integers"):
        save_network(MAKE["kwt"](), tmp_path / "real.safetensors")
    check_network(quantize_network(MAKE["kwt"](), [sample(MAKE["kwt"]())]))
