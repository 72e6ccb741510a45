"""The bus behind the link: what a design offers to be hosted."""

from amaranth.hdl import unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

WORD_BITS = 32
ADDRESS_BITS = 30
"""Addresses count words: the bytes of a 32-bit address, without their two lowest bits."""

REQUEST = data.StructLayout({
    "address": unsigned(ADDRESS_BITS),
    "write": unsigned(1),
    "data": unsigned(WORD_BITS),
})
RESPONSE = data.StructLayout({"data": unsigned(WORD_BITS), "error": unsigned(1)})


class BusSignature(wiring.Signature):
    """One word at a time, as the link drives it; a design has the flipped one.

    request
        A word to write, or the address of one to read.
    response
        Exactly one for every request, writes too, in order, any number of cycles later.

    The link has one request under way at a time. A read must have no effect: it may be repeated.
    A write is done once, and its response comes when a later read can see it.
    """

    def __init__(self) -> None:
        super().__init__({
            "request": Out(stream.Signature(REQUEST)),
            "response": In(stream.Signature(RESPONSE)),
        })
