"""Shifts that round: what an older sum becomes below a larger maximum."""

from amaranth.hdl import Cat, Const, Mux, Value


def rounded(x: Value, places: Value) -> Value:
    """``floor(x * 2**-places + 1/2)``: one bit below the last one decides."""
    finer = Cat(Const(0, 1), x)
    finer = finer.as_signed() if x.shape().signed else finer
    return ((finer >> places) + 1) >> 1


def cut_places(places: Value, most: int) -> Value:
    """``min(places, most)``: beyond ``most`` places nothing is left of what is shifted."""
    return Mux(places > most, most, places)[: most.bit_length()]
