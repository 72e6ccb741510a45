import numpy as np
import pytest

from golden.integer import bit_length, integer_range
from sim.stimulus import magnitudes, rows


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16, 32, 48])
def test_every_magnitude_and_both_ends(bits, signed):
    low, high = integer_range(bits, signed)
    values = magnitudes(np.random.default_rng(bits), bits, 20_000, signed)
    assert values.min() == low and values.max() == high
    lengths = bit_length(np.where(values < 0, ~values, values))
    share = np.bincount(lengths, minlength=bits - signed + 1) / len(values)
    assert (share > 0.2 / bits).all()


@pytest.mark.parametrize("signed", [False, True])
def test_rows_have_the_rare_ones(signed):
    low, high = integer_range(8, signed)
    values = rows(np.random.default_rng(3), 8, 2_000, 8, signed)
    assert values.shape == (2_000, 8)
    assert values.min() >= low and values.max() <= high
    for wanted in (0, low, high):
        assert (values == wanted).all(axis=1).any()
    alone = (values != 0).sum(axis=1) == 1
    assert alone.mean() > 0.1
    assert (values[alone] != 0).any(axis=0).all()
