"""Sum and sum of squares of every row: what layer norm needs to know before its second pass."""

from amaranth.hdl import Cat, Const, Value, signed, unsigned
from amaranth.lib import data

from hw.ops.row_reduction import RowReduction


def sums_layout(bits: int, length_bits: int) -> data.StructLayout:
    """Sums over up to ``2**length_bits`` elements of ``bits`` bits."""
    return data.StructLayout({
        "total": signed(bits + length_bits),
        "squares": unsigned(2 * bits - 1 + length_bits),
    })


class RowSums(RowReduction):
    """``total = sum(x)`` and ``squares = sum(x * x)`` of each row, exact; see ``RowReduction``.

    Parameters
    ----------
    bits : width of an element
    lanes : elements of a beat
    length_bits : rows have up to ``2**length_bits`` elements
    """

    def __init__(self, bits: int, lanes: int, length_bits: int) -> None:
        super().__init__(bits, lanes, sums_layout(bits, length_bits))

    def term(self, name: str, x: Value) -> Value:
        """``x`` or its square."""
        if name == "total":
            return x
        square = (x * x).as_unsigned()
        # Squares are 0 or 1 modulo 4.
        return Cat(square[0], Const(0, 1), square[2 : 2 * self.bits - 1])

    def join(self, name: str, first: Value, second: Value) -> Value:
        """The sum of both."""
        return first + second
