"""Payloads that the accelerator's parts exchange: instructions, jobs, ports of the buffer.

``docs/accelerator.md`` has the instructions' fields and the tensors' form in the buffer.
"""

from amaranth.hdl import unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

UNITS = ("sequencer", "load", "store", "weights", "cores", "vector", "engine")
"""By the number that stands in bits 4 to 6 of an opcode."""

SLOTS = 16
"""Slots of 32 bits in an instruction."""

FIRST_SLOT = 5
"""The first slot that a unit gives its meaning to."""

COUNT_BITS = 16

SLOT_BITS = 32


def instruction_layout() -> data.StructLayout:
    """What a unit is given: its counts are resolved, ``slots[0]`` is slot 5 of the instruction."""
    return data.StructLayout({
        "opcode": unsigned(8),
        "flags": unsigned(24),
        "counts": data.ArrayLayout(unsigned(COUNT_BITS), 2),
        "slots": data.ArrayLayout(unsigned(SLOT_BITS), SLOTS - FIRST_SLOT),
    })


def unit_members() -> dict[str, wiring.Member]:
    """What every unit has beside its own ports.

    instructions
        Taken in order.
    completed
        An instruction's last result is where it belongs; in order, one a cycle at most.
    fault
        A code of ``hw.accelerator.faults``; 0 is none. It stays until the reset.
    busy, input_stalled, output_stalled
        For the counters: something is under way; it waits for operands; for room.
    """
    return {
        "instructions": In(stream.Signature(instruction_layout())),
        "completed": Out(1),
        "fault": Out(4),
        "busy": Out(1),
        "input_stalled": Out(1),
        "output_stalled": Out(1),
    }


def write_layout(address_bits: int, word_bytes: int) -> data.StructLayout:
    """A word and where it goes; ``ends`` asks for a pulse of ``ended``."""
    return data.StructLayout({
        "address": unsigned(address_bits),
        "data": unsigned(8 * word_bytes),
        "ends": unsigned(1),
    })


def read_signature(address_bits: int, word_bytes: int) -> wiring.Signature:
    """A port that reads the buffer, seen by the unit: words come in the order of the requests."""
    return wiring.Signature({
        "requests": Out(stream.Signature(unsigned(address_bits))),
        "words": In(stream.Signature(unsigned(8 * word_bytes))),
    })


def write_signature(address_bits: int, word_bytes: int) -> wiring.Signature:
    """A port that writes the buffer, seen by the unit.

    ``ended`` is a pulse per request with ``ends``, in order: from now on every read that is asked
    for gives this word and what was written before it.
    """
    return wiring.Signature({
        "requests": Out(stream.Signature(write_layout(address_bits, word_bytes))),
        "ended": In(1),
    })


def read_job_layout(address_bits: int, word_bytes: int) -> data.StructLayout:
    """``rows`` rows of ``words`` words, ``stride`` words from row to row, at least one of each.

    ``tail`` bytes of a row's last word count, the others read as zero; 0 stands for all.
    """
    return data.StructLayout({
        "base": unsigned(address_bits),
        "stride": unsigned(address_bits),
        "rows": unsigned(COUNT_BITS),
        "words": unsigned(COUNT_BITS),
        "tail": unsigned(max(1, (word_bytes - 1).bit_length())),
    })


def write_job_layout(address_bits: int) -> data.StructLayout:
    """``rows`` rows of ``words`` words, ``stride`` words from one to the next, at least one."""
    return data.StructLayout({
        "base": unsigned(address_bits),
        "stride": unsigned(address_bits),
        "rows": unsigned(COUNT_BITS),
        "words": unsigned(COUNT_BITS),
    })


def word_layout(word_bytes: int) -> data.StructLayout:
    """A word of a job's rows: ``last`` of its row, ``done`` the last of all."""
    return data.StructLayout({
        "data": unsigned(8 * word_bytes),
        "last": unsigned(1),
        "done": unsigned(1),
    })
