"""What a row of codes costs a core, by feeder: the one table that is measured."""

from typing import NamedTuple


class Pace(NamedTuple):
    """Cycles of a row in a core: the mean, and how many more the last rows take in all."""

    mean: float
    tail: float


ROWS = {
    "pairs": Pace(1.0, 0.0),
    "fixed": Pace(8.0, 0.0),
}
