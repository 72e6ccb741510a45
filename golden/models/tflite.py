"""TFLite files: tensors with their constants, and the operators that join them.

A file is a flat buffer: tables of optional fields, found by offsets. Only what networks in floats
need is read.

Source: tensorflow/lite/schema/schema.fbs (version 3); https://flatbuffers.dev/internals
"""

import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

_DTYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 4: np.int64, 6: np.bool_,
           7: np.int16, 9: np.int8}  # fmt: skip


class Step(NamedTuple):
    """One operator: its code of the schema's BuiltinOperator, tensors by index (-1: none)."""

    code: int
    inputs: list[int]
    outputs: list[int]


class Model(NamedTuple):
    """The first subgraph: names, shapes and constants (None for what is computed) by index."""

    names: list[str]
    shapes: list[tuple[int, ...]]
    constants: list[np.ndarray | None]
    steps: list[Step]
    inputs: list[int]
    outputs: list[int]

    def constant(self, ending: str) -> np.ndarray:
        """The constant whose name ends so, which must be one."""
        pairs = zip(self.names, self.constants, strict=True)
        found = [x for name, x in pairs if x is not None and name.endswith(ending)]
        if len(found) != 1:
            raise ValueError(f"{len(found)} constants end with {ending!r}, not 1: another network?")
        return found[0]


def read_tflite(path: Path) -> Model:
    """The network of a file, or ``ValueError`` with what is wrong with it."""
    if not path.is_file():
        raise ValueError(f"{path} is no file: name a .tflite model")
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        raise ValueError(f"{path} is no TFLite model of version 3: its mark is {content[4:8]!r}")
    try:
        return _model(_Table(content, struct.unpack_from("<I", content, 0)[0]))
    except (struct.error, IndexError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}): copy it again") from None


class _Table:
    """A table: its fields by number."""

    def __init__(self, content: bytes, position: int) -> None:
        self._content = content
        self._position = position
        self._fields = position - struct.unpack_from("<i", content, position)[0]
        self._size = struct.unpack_from("<H", content, self._fields)[0]

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """A number of struct's ``kind``, or the default that the schema gives."""
        place = self._place(field)
        return struct.unpack_from(kind, self._content, place)[0] if place else default

    def array(self, field: int, kind: str) -> list[int]:
        """Numbers of one ``kind``."""
        start, count = self._vector(field)
        return list(struct.unpack_from(f"<{count}{kind}", self._content, start))

    def data(self, field: int) -> bytes:
        """Bytes."""
        start, count = self._vector(field)
        if start + count > len(self._content):
            raise IndexError(f"{count} bytes at {start} are beyond its end")
        return self._content[start : start + count]

    def tables(self, field: int) -> list["_Table"]:
        """Tables."""
        start, count = self._vector(field)
        places = range(start, start + 4 * count, 4)
        return [_Table(self._content, self._target(place)) for place in places]

    def _place(self, field: int) -> int:
        entry = 4 + 2 * field
        offset = 0
        if entry < self._size:
            offset = struct.unpack_from("<H", self._content, self._fields + entry)[0]
        return self._position + offset if offset else 0

    def _target(self, place: int) -> int:
        return place + struct.unpack_from("<I", self._content, place)[0]

    def _vector(self, field: int) -> tuple[int, int]:
        place = self._place(field)
        if not place:
            return 0, 0
        start = self._target(place)
        return start + 4, struct.unpack_from("<I", self._content, start)[0]


def _model(root: _Table) -> Model:
    # Codes above 127 stand in the newer field 3, lower ones in both or in field 0.
    codes = [max(t.number(0, "<b"), t.number(3, "<i")) for t in root.tables(1)]
    buffers = [table.data(0) for table in root.tables(4)]
    graph = root.tables(2)[0]
    names, shapes, constants = [], [], []
    for tensor in graph.tables(0):
        shape = tuple(tensor.array(0, "i"))
        content = buffers[tensor.number(2, "<I")]
        dtype = _DTYPES.get(tensor.number(1, "<b"))
        known = bool(content) and dtype is not None
        names.append(tensor.data(3).decode())
        shapes.append(shape)
        constants.append(np.frombuffer(content, dtype).reshape(shape) if known else None)
    steps = [
        Step(codes[o.number(0, "<I")], o.array(1, "i"), o.array(2, "i")) for o in graph.tables(3)
    ]
    return Model(names, shapes, constants, steps, graph.array(1, "i"), graph.array(2, "i"))
