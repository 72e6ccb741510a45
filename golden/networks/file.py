"""An integer network as one file: safetensors, its graph as JSON in the header's metadata.

    8 bytes   length of the header, little-endian
    header    JSON: "__metadata__" and, by name, every constant's dtype, shape and data_offsets
    data      the constants, one after the other

The metadata holds ``format``, ``version``, ``graph`` (the JSON of tensors, operators and specs) and
``sha256``, that of the header without it and of the data. Same network, same bytes.

Source of the container: https://huggingface.co/docs/safetensors
"""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from golden import movement_spec, operator_spec, spec, table_spec
from golden.graph import Graph, Operator, Tensor
from golden.networks.check import check_network

FORMAT = "cimera.network"
VERSION = "1"

_NAMES = {"b1": "BOOL", "i1": "I8", "i2": "I16", "i4": "I32", "i8": "I64", "u1": "U8", "u2": "U16",
          "u4": "U32"}  # fmt: skip
_DTYPES = {name: np.dtype(code) for code, name in _NAMES.items()}
_SPECS: dict[str, Callable[..., Any]] = {
    name: kind
    for module in (spec, table_spec, operator_spec, movement_spec)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and dataclasses.is_dataclass(kind)
}


def save_network(graph: Graph, path: Path) -> None:
    """Write ``graph``, whole or not at all."""
    check_network(graph)
    arrays = {name: np.asarray(x) for name, x in sorted(graph.constants.items())}
    header: dict[str, Any] = {}
    start = 0
    for name, x in arrays.items():
        code = f"{x.dtype.kind}{x.dtype.itemsize}"
        if code not in _NAMES:
            raise ValueError(f"constant {name!r} holds {x.dtype}, which a network file does not")
        end = start + x.nbytes
        header[name] = {"dtype": _NAMES[code], "shape": x.shape, "data_offsets": [start, end]}
        start = end
    data = b"".join(np.ascontiguousarray(x).astype(x.dtype.newbyteorder("<")).tobytes()
                    for x in arrays.values())  # fmt: skip
    metadata = {"format": FORMAT, "version": VERSION, "graph": _graph_text(graph)}
    metadata["sha256"] = digest(metadata, header, data)
    text = json.dumps({"__metadata__": metadata, **header}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # data starts at a multiple of 8
    part = path.with_name(f"{path.name}.part")
    try:
        part.write_bytes(len(text).to_bytes(8, "little") + text + data)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def load_network(path: Path) -> Graph:
    """The network of a file, or ``ValueError`` with what is wrong with it."""
    if not path.is_file():
        raise ValueError(f"{path} is no file: name a network that was saved")
    try:
        graph = _read(path.read_bytes())
        check_network(graph)
    except ValueError as error:
        raise ValueError(f"{path} is refused: {error}") from None
    return graph


def digest(metadata: dict[str, str], header: dict[str, Any], data: bytes) -> str:
    """SHA-256 of everything but itself."""
    known = {name: value for name, value in metadata.items() if name != "sha256"}
    text = json.dumps([known, header], sort_keys=True)
    return hashlib.sha256(text.encode() + data).hexdigest()


def _read(content: bytes) -> Graph:
    length = int.from_bytes(content[:8], "little")
    if len(content) < 8 or length > len(content) - 8:
        raise ValueError(f"it ends after {len(content)} bytes, within its header: copy it again")
    try:
        header = json.loads(content[8 : 8 + length])
        metadata = header.pop("__metadata__")
        is_ours = metadata["format"] == FORMAT
    except (ValueError, KeyError, TypeError, AttributeError):
        is_ours = False
    if not is_ours:
        raise ValueError("it is no integer network: save one with save_network")
    if metadata.get("version") != VERSION:
        raise ValueError(
            f"its version is {metadata.get('version')!r}, this release reads {VERSION!r}: save it "
            f"again from the network that it was made of"
        )
    data = content[8 + length :]
    try:
        needed = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        if len(data) < needed:
            raise ValueError(f"its data ends after {len(data)} of {needed} bytes: copy it again")
        if digest(metadata, header, data) != metadata.get("sha256"):
            raise ValueError("it was altered: its SHA-256 is not the one that it names")
        constants = {name: _array(name, entry, data) for name, entry in header.items()}
        return _graph(json.loads(metadata["graph"]), constants)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise ValueError(f"its header is not understood ({error!r}): save it again") from None


def _array(name: str, entry: dict[str, Any], data: bytes) -> np.ndarray:
    if entry["dtype"] not in _DTYPES:
        raise ValueError(f"constant {name!r} has the unknown type {entry['dtype']!r}")
    dtype, shape, (start, end) = _DTYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
    size = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
    if min(shape, default=0) < 0 or start < 0 or end - start != size:
        raise ValueError(f"constant {name!r} of shape {shape} has {end - start} bytes, not {size}")
    return np.frombuffer(data[start:end], dtype.newbyteorder("<")).astype(dtype).reshape(shape)


def _graph_text(graph: Graph) -> str:
    content = {
        "name": graph.name,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "tensors": [dataclasses.asdict(tensor) for tensor in graph.tensors.values()],
        "operators": [
            {**{f.name: getattr(o, f.name) for f in dataclasses.fields(o)}, "spec": _plain(o.spec)}
            for o in graph.operators
        ],
    }
    return json.dumps(content, separators=(",", ":"))


def _graph(content: dict[str, Any], constants: dict[str, np.ndarray]) -> Graph:
    tensors = [Tensor(**_tuples(tensor)) for tensor in content["tensors"]]
    return Graph(
        name=content["name"],
        inputs=tuple(content["inputs"]),
        outputs=tuple(content["outputs"]),
        tensors={tensor.name: tensor for tensor in tensors},
        operators=tuple(
            Operator(**{**_tuples(operator), "spec": _spec(operator["spec"])})
            for operator in content["operators"]
        ),
        constants=constants,
    )


def _plain(value: Any) -> Any:
    """A spec as dictionaries that name their class."""
    if dataclasses.is_dataclass(value):
        fields = {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"class": type(value).__name__, **fields}
    if isinstance(value, dict):
        raise ValueError(f"the spec {value} is a real operator's: quantise the network first")
    return value


def _spec(value: Any) -> Any:
    if isinstance(value, dict):
        fields = {name: _spec(field) for name, field in value.items() if name != "class"}
        if value.get("class") not in _SPECS:
            raise ValueError(f"the spec {value.get('class')!r} is unknown")
        return _SPECS[value["class"]](**fields)
    return tuple(map(_spec, value)) if isinstance(value, list) else value


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(x) if isinstance(x, list) else x for name, x in fields.items()}
