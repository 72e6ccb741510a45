import numpy as np
import pytest
from amaranth.hdl import signed, unsigned
from amaranth.lib import data, enum

from sim.beats import pack, unpack

POINT = data.StructLayout({"x": signed(5), "y": unsigned(3)})
NESTED = data.StructLayout({
    "rows": data.ArrayLayout(data.ArrayLayout(signed(19), 3), 2),
    "points": data.ArrayLayout(POINT, 4),
    "inner": POINT,
    "wide": unsigned(63),
    "flag": 1,
})


class Color(enum.Enum, shape=2):
    RED = 0
    BLUE = 3


def test_layout_is_amaranths():
    fields = {
        "rows": np.arange(-3, 3).reshape(1, 2, 3),
        "points": {"x": np.array([[-16, 15, 0, -1]]), "y": np.array([[7, 0, 1, 2]])},
        "inner": {"x": np.array([-5]), "y": np.array([6])},
        "wide": np.array([(1 << 62) + 5]),
        "flag": np.array([1]),
    }
    beats = pack(NESTED, fields)
    constant = NESTED.const({
        "rows": [[-3, -2, -1], [0, 1, 2]],
        "points": [{"x": x, "y": y} for x, y in zip((-16, 15, 0, -1), (7, 0, 1, 2), strict=True)],
        "inner": {"x": -5, "y": 6},
        "wide": (1 << 62) + 5,
        "flag": 1,
    })
    assert beats.shape == (1, 28)
    assert int.from_bytes(beats.tobytes(), "little") == constant.as_bits()


@pytest.mark.parametrize("width", [1, 7, 8, 9, 31, 32, 33, 64])
@pytest.mark.parametrize("is_signed", [False, True])
def test_round_trip(width, is_signed):
    shape = data.ArrayLayout(signed(width) if is_signed else unsigned(width), 5)
    low = -(1 << (width - 1))
    rng = np.random.default_rng(width)
    high = -low - 1 if is_signed or width == 64 else 2 * -low - 1
    # More than one chunk, so that the seams are tested.
    values = rng.integers(low if is_signed else 0, high, (9000, 5), endpoint=True)
    np.testing.assert_array_equal(unpack(shape, pack(shape, values)), values)


def test_plain_and_enumerated_payloads():
    values = np.array([0, 3, 3])
    assert pack(Color, values)[:, 0].tolist() == [0, 3, 3]
    np.testing.assert_array_equal(unpack(signed(2), pack(signed(2), values)), [0, -1, -1])


def test_no_beats():
    assert pack(POINT, {"x": np.zeros(0, int), "y": np.zeros(0, int)}).shape == (0, 4)
    assert unpack(POINT, np.zeros((0, 4), np.uint8))["x"].shape == (0,)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"x": [0]}, "the fields of a beat lack 'y'"),
        ({"x": [0], "y": [8]}, "y must be -4 to 7, not 8 to 8"),
        ({"x": [-17], "y": [0]}, "x must be -16 to 31, not -17 to -17"),
        ({"x": [0, 0], "y": [0]}, r"y must have shape \(2,\), not \(1,\)"),
        ({"x": [[0]], "y": [0]}, r"x must have shape \(1,\), not \(1, 1\)"),
    ],
)
def test_bad_fields_are_named(fields, message):
    with pytest.raises(ValueError, match=message):
        pack(POINT, fields)


def test_fields_beyond_64_bits_are_refused():
    with pytest.raises(ValueError, match="up to 64 bits, not 65"):
        pack(65, np.zeros(1, int))
