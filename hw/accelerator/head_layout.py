"""What one instruction of the engine asks for: a head."""

from amaranth.hdl import Value, signed, unsigned
from amaranth.lib import data

from hw.accelerator.layout import COUNT_BITS


def head_layout(address_bits: int) -> data.StructLayout:
    """An instruction of the engine (``docs/accelerator.md``), its slots taken apart.

    empty
        Nothing is asked for: there are no queries, or no keys.
    """
    address = unsigned(address_bits)
    places = ("queries", "keys", "values", "contexts")
    return data.StructLayout({
        "query_count": unsigned(COUNT_BITS),
        "key_count": unsigned(COUNT_BITS),
        **dict.fromkeys(places, address),
        **{f"{name}_stride": address for name in places},
        "mask": address,
        "beats": unsigned(8),
        "causal": unsigned(1),
        "masked": unsigned(1),
        "score_multiplier": unsigned(16),
        "context_multiplier": unsigned(16),
        "context_offset": signed(8),
        "probability_bits": unsigned(4),
        "empty": unsigned(1),
    })


def head_of(instruction: data.View) -> dict[str, Value]:
    """The fields of ``head_layout`` in an instruction."""
    slots = instruction.slots
    return {
        "query_count": instruction.counts[0],
        "key_count": instruction.counts[1],
        "queries": slots[0],
        "queries_stride": slots[1][:16],
        "beats": slots[1][16:24],
        "keys": slots[2],
        "keys_stride": slots[3],
        "values": slots[4],
        "values_stride": slots[5],
        "mask": slots[6],
        "contexts": slots[7],
        "contexts_stride": slots[8],
        "score_multiplier": slots[9][:16],
        "context_multiplier": slots[9][16:],
        "context_offset": slots[10][:8].as_signed(),
        "probability_bits": slots[10][8:12],
        "causal": instruction.flags[0],
        "masked": instruction.flags[1],
        "empty": (instruction.counts[0] == 0) | (instruction.counts[1] == 0),
    }
