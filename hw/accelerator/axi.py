"""AXI4 and AXI4-Lite: channels as streams inside, flat ports with the standard's names outside.

Source: ARM IHI 0022, AMBA AXI and ACE protocol specification, chapters A2, A3 and B1.
"""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Module, Shape, Value, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

ADDRESS_BITS = 32
BURST_BEATS = 16
"""Beats of the longest burst."""

BOUNDARY = 4096
"""Bytes of the block of memory that a burst must not leave."""

OKAY = 0b00
SLAVE_ERROR = 0b10
_INCREMENTING = 0b01
_NORMAL_MEMORY = 0b0011

MASTER, SLAVE = "m_axi", "s_axi"
"""First words of the port names: the memory port and the control registers."""


def address_layout() -> data.StructLayout:
    """A burst: byte address of its first beat, and beats less one."""
    return data.StructLayout({"addr": unsigned(ADDRESS_BITS), "len": unsigned(8)})


def read_layout(bus_bytes: int) -> data.StructLayout:
    """A beat that is read."""
    return data.StructLayout({"data": unsigned(8 * bus_bytes), "resp": unsigned(2), "last": 1})


def write_layout(bus_bytes: int) -> data.StructLayout:
    """A beat that is written, all of its bytes."""
    return data.StructLayout({"data": unsigned(8 * bus_bytes), "last": 1})


def response_layout() -> data.StructLayout:
    """The answer to a written burst."""
    return data.StructLayout({"resp": unsigned(2)})


def memory_signature(bus_bytes: int) -> wiring.Signature:
    """AXI4 seen by the master: all transfers have id 0, so answers come in order."""
    return wiring.Signature({
        "ar": Out(stream.Signature(address_layout())),
        "r": In(stream.Signature(read_layout(bus_bytes))),
        "aw": Out(stream.Signature(address_layout())),
        "w": Out(stream.Signature(write_layout(bus_bytes))),
        "b": In(stream.Signature(response_layout())),
    })


def register_signature(address_bits: int) -> wiring.Signature:
    """AXI4-Lite of 32 bits seen by the slave."""
    address = unsigned(address_bits)
    written = data.StructLayout({"data": unsigned(32), "strb": unsigned(4)})
    read = data.StructLayout({"data": unsigned(32), "resp": unsigned(2)})
    return wiring.Signature({
        "aw": In(stream.Signature(data.StructLayout({"addr": address}))),
        "w": In(stream.Signature(written)),
        "b": Out(stream.Signature(response_layout())),
        "ar": In(stream.Signature(data.StructLayout({"addr": address}))),
        "r": Out(stream.Signature(read)),
    })


def master_constants(bus_bytes: int) -> dict[str, tuple[int, int]]:
    """Ports of the master that never change: width and value of each."""
    size = (bus_bytes - 1).bit_length()
    shared = {
        "id": (1, 0),
        "size": (3, size),
        "burst": (2, _INCREMENTING),
        "lock": (1, 0),
        "cache": (4, _NORMAL_MEMORY),
        "prot": (3, 0),
        "qos": (4, 0),
    }
    constants = {
        f"{channel}{name}": one for channel in ("ar", "aw") for name, one in shared.items()
    }
    return constants | {"wstrb": (bus_bytes, (1 << bus_bytes) - 1)}


MASTER_IGNORED = {"rid": 1, "bid": 1}
"""Inputs of the master that a memory drives and this one has no use for: their widths."""

SLAVE_IGNORED = {"awprot": 3, "arprot": 3}
"""Inputs of the slave that a processor drives and this one has no use for: their widths."""


def flat_members(prefix: str, signature: wiring.Signature) -> dict[str, wiring.Member]:
    """Flat ports of ``signature``: ``m_axi_awvalid``, ``m_axi_awaddr`` and so on."""
    members: dict[str, wiring.Member] = {}
    for channel, member in signature.members.items():
        forth, back = (Out, In) if member.flow is Out else (In, Out)
        for name, shape in _fields(member).items():
            members[f"{prefix}_{channel}{name}"] = forth(Shape.cast(shape))
        members[f"{prefix}_{channel}valid"] = forth(1)
        members[f"{prefix}_{channel}ready"] = back(1)
    return members


def master_members(bus_bytes: int) -> dict[str, wiring.Member]:
    """Every port of the AXI4 master, for the signature of a top."""
    members = flat_members(MASTER, memory_signature(bus_bytes))
    for name, (width, _) in master_constants(bus_bytes).items():
        members[f"{MASTER}_{name}"] = Out(width)
    return members | {f"{MASTER}_{name}": In(width) for name, width in MASTER_IGNORED.items()}


def slave_members(address_bits: int) -> dict[str, wiring.Member]:
    """Every port of the AXI4-Lite slave, for the signature of a top."""
    members = flat_members(SLAVE, register_signature(address_bits))
    return members | {f"{SLAVE}_{name}": In(width) for name, width in SLAVE_IGNORED.items()}


def connect_master(m: Module, top: wiring.Component, memory: Any) -> None:
    """Connect ``memory``, of ``memory_signature``, to ``top``'s ports by ``master_members``."""
    signature = memory_signature(len(memory.w.p.data) // 8)
    _connect(m, top, MASTER, signature, memory)
    for name, (_, value) in master_constants(len(memory.w.p.data) // 8).items():
        m.d.comb += getattr(top, f"{MASTER}_{name}").eq(value)


def connect_slave(m: Module, top: wiring.Component, registers: Any) -> None:
    """Connect ``registers``, of ``register_signature``, to ``top``'s ports by ``slave_members``."""
    signature = register_signature(len(registers.ar.p.addr))
    _connect(m, top, SLAVE, signature, registers)


def _connect(
    m: Module, top: wiring.Component, prefix: str, signature: wiring.Signature, inner: Any
) -> None:
    for channel, member in signature.members.items():
        ours = getattr(inner, channel)
        links: list[tuple[Value, Value]] = [
            (getattr(top, f"{prefix}_{channel}{name}"), Value.cast(ours.p[name]))
            for name in _fields(member)
        ]
        links.append((getattr(top, f"{prefix}_{channel}valid"), ours.valid))
        ready = getattr(top, f"{prefix}_{channel}ready")
        m.d.comb += ours.ready.eq(ready) if member.flow is Out else ready.eq(ours.ready)
        m.d.comb += [
            outside.eq(inside) if member.flow is Out else inside.eq(outside)
            for outside, inside in links
        ]


def _fields(member: wiring.Member) -> Mapping[str, Any]:
    layout = member.signature.members["payload"].shape
    return {str(name): shape for name, shape in layout.members.items()}
