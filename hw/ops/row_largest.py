"""Largest magnitude of every row: what decides a row's scale."""

from amaranth.hdl import Mux, Value, unsigned
from amaranth.lib import data

from hw.ops.row_reduction import RowReduction


class RowLargest(RowReduction):
    """``largest = max(|x|)`` of each row, unsigned, of ``bits`` bits; see ``RowReduction``.

    Parameters
    ----------
    bits : width of an element
    lanes : elements of a beat
    """

    def __init__(self, bits: int, lanes: int) -> None:
        super().__init__(bits, lanes, data.StructLayout({"largest": unsigned(bits)}))

    def term(self, name: str, x: Value) -> Value:
        """``|x|``."""
        return Mux(x < 0, -x, x)[: self.bits]

    def join(self, name: str, first: Value, second: Value) -> Value:
        """The larger one."""
        return Mux(first > second, first, second)
