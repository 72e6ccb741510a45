"""Beats: payloads of a stream as bytes, packed from and unpacked to NumPy fields.

A beat is one transfer's payload. Beats are an array (N, bytes) of uint8, least significant byte
first, with ``bytes`` a multiple of 4, so that they copy into any port of a Verilator model.
A field array is (N, *dimensions); a structure is a dictionary of those.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from amaranth.hdl import Shape, ShapeCastable, ShapeLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In
from numpy.typing import NDArray

Fields = Any
"""A field array, or a mapping of names to ``Fields``, as the layout has it."""

_CHUNK = 1 << 12


@dataclass(frozen=True, kw_only=True)
class Port:
    """One stream of a component: its name in Verilog, its payload and its direction."""

    name: str
    shape: ShapeLike
    is_input: bool

    @property
    def width(self) -> int:
        """Payload bits."""
        return Shape.cast(self.shape).width

    @property
    def bytes(self) -> int:
        """Bytes of a beat."""
        return 4 * max(1, -(-self.width // 32))


class _Leaf(NamedTuple):
    path: tuple[str, ...]
    dimensions: tuple[int, ...]
    offsets: NDArray[np.int64]  # of each element, in bits
    width: int
    signed: bool

    @property
    def bytes(self) -> int:
        """Bytes of the smallest integer that holds an element."""
        return next(size for size in (1, 2, 4, 8) if self.width <= 8 * size)


def stream_ports(component: wiring.Component) -> dict[str, Port]:
    """Streams of ``component`` by name: "i", "weights", "o__0"."""
    ports = {}
    for path, member, _ in component.signature.flatten(component):
        if path[-1] == "payload":
            name = "__".join(map(str, path[:-1]))
            ports[name] = Port(name=name, shape=member.shape, is_input=member.flow is In)
    return ports


def pack(shape: ShapeLike, fields: Fields) -> NDArray[np.uint8]:
    """Beats of ``fields``; an element that does not fit its width raises ``ValueError``."""
    leaves = list(_leaves(shape))
    values = [np.asarray(_find(fields, leaf.path)) for leaf in leaves]
    count = len(values[0])
    for leaf, value in zip(leaves, values, strict=True):
        _require_fit(leaf, value, count)
    width = Shape.cast(shape).width
    size = Port(name="", shape=shape, is_input=True).bytes
    beats = np.zeros((count, size), np.uint8)
    for start in range(0, count, _CHUNK):
        chunk = slice(start, start + _CHUNK)
        bits = np.zeros((len(beats[chunk]), width), np.uint8)
        for leaf, value in zip(leaves, values, strict=True):
            elements = value[chunk].reshape(len(bits), -1).astype(f"<i{leaf.bytes}")
            unpacked = np.unpackbits(
                np.ascontiguousarray(elements[..., None]).view(np.uint8), axis=-1, bitorder="little"
            )[..., : leaf.width]
            bits[:, _positions(leaf)] = unpacked.reshape(len(bits), -1)
        packed = np.packbits(bits, axis=-1, bitorder="little")
        beats[chunk, : packed.shape[1]] = packed
    return beats


def unpack(shape: ShapeLike, beats: NDArray[np.uint8]) -> Fields:
    """Fields of ``beats``, as int64."""
    leaves = list(_leaves(shape))
    values = [np.zeros((len(beats), len(leaf.offsets)), np.int64) for leaf in leaves]
    for start in range(0, len(beats), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        bits = np.unpackbits(beats[chunk], axis=-1, bitorder="little")
        for leaf, value in zip(leaves, values, strict=True):
            elements = np.zeros((len(bits), len(leaf.offsets), 8 * leaf.bytes), np.uint8)
            elements[..., : leaf.width] = bits[:, _positions(leaf)].reshape(
                len(bits), len(leaf.offsets), leaf.width
            )
            if leaf.signed and leaf.width:
                elements[..., leaf.width :] = elements[..., leaf.width - 1 : leaf.width]
            packed = np.packbits(elements, axis=-1, bitorder="little")
            kind = "i" if leaf.signed else "u"
            value[chunk] = packed.view(f"<{kind}{leaf.bytes}")[..., 0]
    fields: dict[str, Fields] = {}
    for leaf, value in zip(leaves, values, strict=True):
        value = value.reshape(len(beats), *leaf.dimensions)
        if not leaf.path:
            return value
        place = fields
        for name in leaf.path[:-1]:
            place = place.setdefault(name, {})
        place[leaf.path[-1]] = value
    return fields


def _leaves(shape: ShapeLike) -> Iterator[_Leaf]:
    if isinstance(shape, ShapeCastable) and not isinstance(shape, data.Layout):
        shape = shape.as_shape()
    if isinstance(shape, data.ArrayLayout):
        element = Shape.cast(shape.elem_shape).width
        starts = np.arange(shape.length) * element
        for leaf in _leaves(shape.elem_shape):
            offsets = (starts[:, None] + leaf.offsets).reshape(-1)
            yield leaf._replace(dimensions=(shape.length, *leaf.dimensions), offsets=offsets)
    elif isinstance(shape, data.Layout):
        for name, field in shape:
            for leaf in _leaves(field.shape):
                path = (str(name), *leaf.path)
                yield leaf._replace(path=path, offsets=leaf.offsets + field.offset)
    else:
        plain = Shape.cast(shape)
        if plain.width > 64:
            raise ValueError(f"a field may have up to 64 bits, not {plain.width}: use an array")
        yield _Leaf((), (), np.zeros(1, np.int64), plain.width, plain.signed)


def _positions(leaf: _Leaf) -> slice | NDArray[np.int64]:
    first = int(leaf.offsets[0]) if len(leaf.offsets) else 0
    dense = first + leaf.width * np.arange(len(leaf.offsets))
    if np.array_equal(leaf.offsets, dense):
        return slice(first, first + leaf.width * len(leaf.offsets))
    return (leaf.offsets[:, None] + np.arange(leaf.width)).reshape(-1)


def _find(fields: Fields, path: tuple[str, ...]) -> Any:
    for name in path:
        if not isinstance(fields, Mapping) or name not in fields:
            raise ValueError(f"the fields of a beat lack {'.'.join(path)!r}")
        fields = fields[name]
    return fields


def _require_fit(leaf: _Leaf, value: NDArray[Any], count: int) -> None:
    name = ".".join(leaf.path) or "payload"
    if value.shape != (count, *leaf.dimensions):
        raise ValueError(f"{name} must have shape {(count, *leaf.dimensions)}, not {value.shape}")
    if not value.size or leaf.width == 64:
        return
    # Either reading of the bits is accepted: 8-bit operands may be signed or unsigned at run time.
    low, high = -(1 << leaf.width >> 1), (1 << leaf.width) - 1
    least, largest = int(value.min()), int(value.max())
    if least < low or largest > high:
        raise ValueError(f"{name} must be {low} to {high}, not {least} to {largest}")
