"""Ports of the memory port, seen by the units: words by byte address, relative to the base."""

from amaranth.hdl import unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator.axi import ADDRESS_BITS, BURST_BEATS
from hw.accelerator.layout import COUNT_BITS


def read_request_layout() -> data.StructLayout:
    """``words`` words from byte ``address`` on, a multiple of a word."""
    return data.StructLayout({"address": unsigned(ADDRESS_BITS), "words": unsigned(COUNT_BITS)})


def write_request_layout() -> data.StructLayout:
    """The same for writes; ``last``: ``written`` tells when this and all before it is in memory."""
    return data.StructLayout({
        "address": unsigned(ADDRESS_BITS),
        "words": unsigned(COUNT_BITS),
        "last": unsigned(1),
    })


def memory_read_signature(word_bytes: int) -> wiring.Signature:
    """A client that reads; words come in the order of the requests."""
    return wiring.Signature({
        "requests": Out(stream.Signature(read_request_layout())),
        "words": In(stream.Signature(unsigned(8 * word_bytes))),
    })


def memory_write_signature(word_bytes: int) -> wiring.Signature:
    """A client that writes; the requests' words follow each other, before or after a request."""
    return wiring.Signature({
        "requests": Out(stream.Signature(write_request_layout())),
        "words": Out(stream.Signature(unsigned(8 * word_bytes))),
        "written": In(1),
    })


def require_widths(word_bytes: int, bus_bytes: int) -> None:
    """Raise ``ValueError`` unless a word is 1 to 16 beats, both powers of two."""
    if word_bytes.bit_count() != 1 or bus_bytes.bit_count() != 1:
        raise ValueError(
            f"word_bytes and bus_bytes must be powers of two, not {word_bytes} and {bus_bytes}"
        )
    if not bus_bytes <= word_bytes <= BURST_BEATS * bus_bytes:
        raise ValueError(
            f"bus_bytes must be {max(1, word_bytes // BURST_BEATS)} to {word_bytes} for words of "
            f"{word_bytes} bytes, not {bus_bytes}"
        )


def burst_words(word_bytes: int, bus_bytes: int) -> int:
    """Words of the longest burst."""
    return BURST_BEATS * bus_bytes // word_bytes
