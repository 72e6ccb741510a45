"""Weight sets of the cores: what loads them and what reads them wait for each other."""

from hw.program.instructions import Instruction
from sim.accelerator.timing.kernel import Clock, Process


class Sets:
    """Weights of the cores, or channel numbers: free, loaded, closed, and free again."""

    def __init__(self, clock: Clock, cores: int, sets: int) -> None:
        self.clock, self.sets = clock, sets
        self.free = [[True] * cores for _ in range(sets)]
        self.loaded = [[False] * cores for _ in range(sets)]
        self.changed = clock.notice()

    def load(self, number: int, cores: range) -> Process:
        """They are there from the next cycle on."""
        yield 1.0
        for core in cores:
            self.free[number % self.sets][core] = False
            self.loaded[number % self.sets][core] = True
        self.changed.tell()

    def close(self, number: int, cores: range) -> None:
        """Their last rows have entered: what comes next needs other ones."""
        for core in cores:
            self.loaded[number % self.sets][core] = False

    def release(self, number: int, cores: range, time: float) -> Process:
        """They are free behind ``time``."""
        yield self.clock.until(time) + 1
        for core in cores:
            self.free[number % self.sets][core] = True
        self.changed.tell()

    def until_free(self, number: int, cores: range) -> Process:
        """Until all of these cores can take others."""
        while not all(self.free[number % self.sets][core] for core in cores):
            yield self.changed

    def until_loaded(self, number: int, cores: range) -> Process:
        """Until all of these cores have theirs."""
        while not all(self.loaded[number % self.sets][core] for core in cores):
            yield self.changed


def cores_of(one: Instruction, tile: int | None = None) -> range:
    """Cores of a tile, or of all of an instruction's tiles."""
    groups = 1 << one["group_bits"]
    return (
        range(one["tiles"] * groups) if tile is None else range(tile * groups, (tile + 1) * groups)
    )
