"""Shifts that round: what an older sum becomes below a larger maximum."""

from amaranth.hdl import Cat, Const, Value


def rounded(x: Value, places: Value) -> Value:
    """``floor(x * 2**-places + 1/2)``: one bit below the last one decides."""
    finer = Cat(Const(0, 1), x)
    finer = finer.as_signed() if x.shape().signed else finer
    return ((finer >> places) + 1) >> 1


def cut_places(places: Value, most: int) -> Value:
    """``places``, or as many as their bits count from ``most`` on, where nothing is left."""
    bits = most.bit_length()
    return places[:bits] | places[bits:].any().replicate(bits)
