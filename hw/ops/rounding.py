"""Shifts that round: what an older sum becomes below a larger maximum."""

from amaranth.hdl import Cat, Const, Value


def rounded(x: Value, places: Value) -> Value:
    """``floor(x * 2**-places + 1/2)``: one bit below the last one decides."""
    return half_up(shifted_right(x, places))


def shifted_right(x: Value, places: Value) -> Value:
    """``x * 2**(1 - places)``, cut below: ``half_up`` of it is rounded."""
    finer = Cat(Const(0, 1), x)
    return (finer.as_signed() if x.shape().signed else finer) >> places


def half_up(finer: Value) -> Value:
    """``floor(finer / 2 + 1/2)``."""
    return (finer + 1) >> 1


def cut_places(places: Value, most: int) -> Value:
    """``places``, or as many as their bits count from ``most`` on, where nothing is left."""
    bits = most.bit_length()
    return places[:bits] | places[bits:].any().replicate(bits)
