"""How a network is laid over a machine: whatever changes only the time that a program takes."""

from dataclasses import dataclass

from golden.spec import require_range


@dataclass(frozen=True, kw_only=True)
class CompilerPlan:
    """Choices of the compiler; any gives the same results.

    row_cycles
        Cycles that a core takes for a row of codes: 1 for all bits at once, 8 for one bit a cycle.
        It decides on how many row groups a product is shared out.
    row_block
        Rows after which a product's first and last passes and the vector unit's rows are cut, or
        None. What follows can then begin with the first block while the second is still computed;
        the weights of those passes are loaded once for each block.
    """

    row_cycles: int = 1
    row_block: int | None = None

    def __post_init__(self) -> None:
        require_range("row_cycles", self.row_cycles, 1, 64)
        if self.row_block is not None:
            require_range("row_block", self.row_block, 1, 1 << 16)

    def blocks(self, rows: int, limit: int | None = None) -> list[tuple[int, int]]:
        """Offsets and sizes of blocks of ``rows`` rows, none larger than ``limit``."""
        sizes = [size for size in (self.row_block, limit) if size is not None]
        size = min(sizes, default=max(rows, 1))
        return [(start, min(size, rows - start)) for start in range(0, max(rows, 1), size)]
