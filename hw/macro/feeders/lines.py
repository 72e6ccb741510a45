"""Lines of which one is set: priority, choice, index."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Signal, Value


def any_before(m: Module, name: str, bits: Sequence[Value]) -> list[Value]:
    """Whether any bit below each is set: as a tree, so the depth is the logarithm of the length."""
    if len(bits) < 2:
        return [Const(0, 1)] * len(bits)
    half = (len(bits) + 1) // 2
    low = any_before(m, f"{name}_low", bits[:half])
    high = any_before(m, f"{name}_high", bits[half:])
    below = Signal(name=name)
    m.d.comb += below.eq(Cat(bits[:half]).any())
    return [*low, below, *(below | one for one in high[1:])]


def lowest(m: Module, name: str, rows: Sequence[Value]) -> list[Value]:
    """Rows of which only the lowest set bit of the first row with any is left."""
    present = Signal(len(rows), name=f"{name}_rows")
    m.d.comb += present.eq(Cat(row.any() for row in rows))
    earlier = any_before(m, f"{name}_earlier", list(present))
    kept = []
    for index, row in enumerate(rows):
        mine = Signal(len(row), name=f"{name}_{index}")
        below = Cat(any_before(m, f"{name}_below_{index}", list(row)))
        m.d.comb += mine.eq(row & ~below & ~earlier[index].replicate(len(row)))
        kept.append(mine)
    return kept


def choose(lines: Value, choices: Sequence[Value]) -> Value:
    """Return the choice whose line is set: ``or(choice & line)``."""
    total: Value = Const(0, 1)
    for line, choice in zip(lines, choices, strict=False):
        total = total | (choice & line.replicate(len(choice)))
    return total


def encode(lines: Sequence[Value]) -> Value:
    """Index of the one line that is set."""
    width = max(1, (len(lines) - 1).bit_length())
    return Cat(
        Cat(line for index, line in enumerate(lines) if (index >> bit) & 1).any()
        for bit in range(width)
    )
