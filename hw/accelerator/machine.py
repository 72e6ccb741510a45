"""What a program must know of its machine: sizes, and nothing of the circuits."""

from dataclasses import dataclass

from golden.spec import ceil_log2, require_range


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Sizes of an accelerator; ``docs/accelerator.md`` says what each means to a program.

    word_bytes
        W: bytes of a word of the buffer, inputs of a core. Cores have W / 2 columns; the engine and
        the vector unit have W / 2 lanes.
    cores
        Cores of ``core_rows`` partial sums and ``weight_sets`` weight sets each.
    buffer_words, banks
        Words on chip, and banks that they lie in by turns.
    key_block, head_size, longest
        The engine's block of keys, widest head and most keys.
    width, longest_codes, segments, ranks
        Elements of the longest row that the vector unit rescales, and that it makes codes of;
        segments of its tables; the most results of a top k.
    bus_bytes
        Bytes of memory in a cycle.
    """

    word_bytes: int
    cores: int
    buffer_words: int
    key_block: int
    head_size: int = 64
    longest: int = 4096
    core_rows: int = 128
    weight_sets: int = 4
    banks: int = 8
    width: int = 1024
    longest_codes: int = 3072
    segments: int = 4096
    ranks: int = 8
    bus_bytes: int = 64

    def __post_init__(self) -> None:
        if self.word_bytes not in {8, 16, 32, 64}:
            raise ValueError(f"word_bytes must be 8, 16, 32 or 64, not {self.word_bytes!r}")
        require_range("cores", self.cores, 1, 16)
        if self.cores & (self.cores - 1):
            raise ValueError(f"cores must be a power of two, not {self.cores}")
        require_range("buffer_words", self.buffer_words, 64, 1 << 24)
        if self.banks not in {1, 2, 4, 8, 16}:
            raise ValueError(f"banks must be 1, 2, 4, 8 or 16, not {self.banks!r}")
        require_range("key_block", self.key_block, 2, 8 * self.word_bytes)
        require_range("head_size", self.head_size, self.lanes, 1024)
        require_range("core_rows", self.core_rows, 2, 4096)
        require_range("weight_sets", self.weight_sets, 1, 16)
        require_range("bus_bytes", self.bus_bytes, 4, 128)

    @property
    def lanes(self) -> int:
        """W / 2: columns of a core, lanes of engine and vector unit, integers of 16 bits a word."""
        return self.word_bytes // 2

    @property
    def group_bits(self) -> int:
        """Logarithm of the most row groups."""
        return ceil_log2(self.cores)


MACHINES = {
    # Fits a small FPGA: one core of 16 inputs.
    "tiny": Machine(word_bytes=16, cores=1, buffer_words=1 << 13, key_block=8, bus_bytes=8),
    # Half the width of the published geometry, a quarter of its cores.
    "small": Machine(word_bytes=32, cores=4, buffer_words=1 << 15, key_block=16, bus_bytes=16),
    # As published: 16 cores of 8 macros of 8 inputs x 32 outputs, 4 weight sets, 128 KB of weights.
    "mulcim": Machine(word_bytes=64, cores=16, buffer_words=1 << 16, key_block=32),
}
