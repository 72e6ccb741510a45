"""A component with one port per field of its streams, for those who wire it by hand."""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Module, Shape, ShapeLike, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

RESERVED = ("valid", "ready")


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a stream's payload.

    ``dimensions`` counts the elements, outermost first; the last index changes fastest from the
    least significant bit upwards. ``element_bits`` is the width of one.
    """

    name: str
    dimensions: tuple[int, ...]
    element_bits: int
    signed: bool

    @property
    def width(self) -> int:
        """Bits of the field."""
        width = self.element_bits
        for count in self.dimensions:
            width *= count
        return width


@dataclass(frozen=True, kw_only=True)
class FlatStream:
    """One stream: ports ``NAME_valid``, ``NAME_ready`` and ``NAME_FIELD`` of every field."""

    name: str
    is_input: bool
    fields: tuple[Field, ...]

    def port(self, field: str) -> str:
        """Return the name of the port of ``field``, ``valid`` or ``ready``."""
        return f"{self.name}_{field}"


class Flat(wiring.Component):
    """``component`` with flat ports; no logic of its own.

    A payload that is no structure is one field, ``data``. Fields of no bits have no port.

    Members
    -------
    NAME_valid, NAME_ready, NAME_FIELD : see ``FlatStream``
    """

    def __init__(self, component: wiring.Component) -> None:
        self.component = component
        self.streams = flat_streams(component)
        members: dict[str, Any] = {}
        for stream in self.streams:
            forth, back = (In, Out) if stream.is_input else (Out, In)
            members[stream.port("valid")] = forth(1)
            members[stream.port("ready")] = back(1)
            for field in stream.fields:
                members[stream.port(field.name)] = forth(field.width)
        super().__init__(members)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.block = self.component
        for stream in self.streams:
            inner = getattr(self.component, stream.name)
            links = [(self._port(stream, "valid"), inner.valid)]
            for field in stream.fields:
                links.append((self._port(stream, field.name), _bits(inner.payload, field.name)))
            links.append((inner.ready, self._port(stream, "ready")))
            for origin, end in links:
                m.d.comb += end.eq(origin) if stream.is_input else origin.eq(end)
        return m

    def _port(self, stream: FlatStream, field: str) -> Any:
        return getattr(self, stream.port(field))


def flat_streams(component: wiring.Component) -> tuple[FlatStream, ...]:
    """Return the streams of ``component`` in the order of its members."""
    streams = []
    for name, member in component.signature.members.items():
        if not member.is_signature or set(member.signature.members) != {"payload", *RESERVED}:
            raise ValueError(f"only streams can be given flat ports, and {name!r} is none")
        shape = member.signature.members["payload"].shape
        streams.append(
            FlatStream(name=name, is_input=member.flow is In, fields=_fields(name, shape))
        )
    return tuple(streams)


def _fields(stream: str, shape: ShapeLike) -> tuple[Field, ...]:
    if not isinstance(shape, data.StructLayout):
        return (_field("data", shape),)
    fields = [_field(str(name), member) for name, member in shape.members.items()]
    for field in fields:
        if field.name in RESERVED:
            raise ValueError(f"the stream {stream!r} may not have a field named {field.name!r}")
    return tuple(field for field in fields if field.width)


def _field(name: str, shape: ShapeLike) -> Field:
    dimensions: list[int] = []
    while isinstance(shape, data.ArrayLayout):
        dimensions.append(shape.length)
        shape = shape.elem_shape
    element = Shape.cast(shape)
    return Field(
        name=name,
        dimensions=tuple(dimensions),
        element_bits=element.width,
        signed=element.signed,
    )


def _bits(payload: Any, field: str) -> Value:
    structure = isinstance(payload, data.View) and isinstance(payload.shape(), data.StructLayout)
    return Value.cast(payload[field] if structure else payload)
