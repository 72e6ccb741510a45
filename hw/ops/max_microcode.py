"""Comparison and selection of two words in memory, as steps of NOR: data that a circuit executes.

A word is a row of cells, its bits side by side; a step is one NOR of two rows into a third, every
column at once. The words are unsigned. ``m`` is the larger one so far, ``nm`` its complement: the
selection writes both, so a comparison finds them there.

Bit by bit ``g = a > m`` and ``l = a < m``, of which at most one is true; then by pairs of columns
``G = g_high | ~l_high & g_low``, likewise L, until one column is left: 3 steps, 4 a level, 2 for
the last one, whose L nobody reads. With 8 bits these are 13 steps, as ReTransformer (ICCAD 2020)
tells. Its selection of 8 steps copies the winner bit by bit; this one takes 5 for any width, since
both words pass under the flag, which its row broadcasts to every column.
"""

from dataclasses import dataclass
from typing import Literal

Part = Literal["all", "high", "low"]


@dataclass(frozen=True, kw_only=True)
class Operand:
    """A word, or of each pair of its columns the high or the low one."""

    word: str
    part: Part = "all"


@dataclass(frozen=True, kw_only=True)
class Step:
    """``target = nor(left, right)`` of each column; an operand of one column is broadcast."""

    target: str
    left: Operand
    right: Operand


@dataclass(frozen=True, kw_only=True)
class Microcode:
    """Steps that compare ``a`` with ``m``, and that then make ``m`` the larger one.

    ``widths`` are the columns of each word, ``flag`` the word that tells ``a > m``.
    """

    compare: tuple[Step, ...]
    select: tuple[Step, ...]
    widths: dict[str, int]
    flag: str

    @property
    def cycles(self) -> int:
        """Cycles of an element: one in which it is written, one for each step."""
        return 1 + len(self.compare) + len(self.select)


def microcode(bits: int) -> Microcode:
    """Return the steps for words of ``bits`` bits, a power of two."""
    if bits < 2 or bits & (bits - 1):
        raise ValueError(f"the in-memory steps take 2, 4, 8 or 16 bits, not {bits}")
    compare = [_nor("na", "a", "a"), _nor("g0", "na", "m"), _nor("l0", "a", "nm")]
    widths = dict.fromkeys(("a", "na", "m", "nm", "g0", "l0", "u", "v"), bits)
    level, columns = 0, bits
    while columns > 1:
        level, columns = level + 1, columns // 2
        greater, smaller = f"g{level - 1}", f"l{level - 1}"
        more, less = f"g{level}", f"l{level}"
        widths |= {f"s{level}": columns, more: columns}
        compare += [
            Step(target=f"s{level}", left=_high(greater), right=_low(greater)),
            Step(target=more, left=_high(smaller), right=Operand(word=f"s{level}")),
        ]
        if columns > 1:
            widths |= {f"t{level}": columns, less: columns}
            compare += [
                Step(target=f"t{level}", left=_high(smaller), right=_low(smaller)),
                Step(target=less, left=_high(greater), right=Operand(word=f"t{level}")),
            ]
    flag = f"g{level}"
    widths["nf"] = 1
    select = [
        _nor("nf", flag, flag),
        _nor("u", "na", "nf"),
        _nor("v", "nm", flag),
        _nor("nm", "u", "v"),
        _nor("m", "nm", "nm"),
    ]
    return Microcode(compare=tuple(compare), select=tuple(select), widths=widths, flag=flag)


def _nor(target: str, left: str, right: str) -> Step:
    return Step(target=target, left=Operand(word=left), right=Operand(word=right))


def _high(word: str) -> Operand:
    return Operand(word=word, part="high")


def _low(word: str) -> Operand:
    return Operand(word=word, part="low")
