"""Mean and reciprocal spread of a row from its sums, with one small multiplier."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed, unsigned
from amaranth.lib import data, stream
from amaranth.lib.wiring import In, Out

from golden.operator_spec import LayerNormSpec
from golden.spec import ceil_log2
from hw.ops.reciprocal_root import ReciprocalRoot
from hw.ops.row_sums import sums_layout
from hw.platform import Shared

DIGIT_BITS = 8
PART_BITS = 17
"""Of a factor that one multiplier takes with a digit."""


def length_bits(spec: LayerNormSpec) -> int:
    """Rows have up to ``2**length_bits`` elements."""
    return ceil_log2(spec.width)


def reciprocal_fraction_bits(spec: LayerNormSpec) -> int:
    """Fraction bits of the constant ``1 / width`` as it is loaded, whatever the width."""
    return 20 + length_bits(spec)


def settings_layout(spec: LayerNormSpec) -> data.StructLayout:
    """What all rows of a tensor share.

    ``reciprocal`` is golden's ``reciprocal_width``, shifted left until it has
    ``reciprocal_fraction_bits``.
    """
    return data.StructLayout({
        "width": unsigned(spec.width.bit_length()),
        "reciprocal": unsigned(reciprocal_fraction_bits(spec) + 1),
        "epsilon": unsigned(_spread_bits(spec) - 1),
        "exponent_offset": signed(spec.requantize.exponent_bits + 1),
    })


def moments_layout(spec: LayerNormSpec) -> data.StructLayout:
    """Mean with its fraction bits, and the row's scale."""
    return data.StructLayout({
        "mean": signed(spec.input_bits + spec.mean_fraction_bits),
        "mantissa": unsigned(spec.root.mantissa_bits),
        "exponent": signed(spec.requantize.exponent_bits),
    })


class RowMoments(Shared):
    """``mean = round(total * 2**f / D)`` and ``1 / sqrt(sum((x * 2**f - mean)**2) + epsilon)``.

    The sum of squared deviations comes from the sums without the elements, exactly:
    ``4**f * squares - mean * (2 * 2**f * total - D * mean)``. All of it is computed with
    magnitudes, in three products that take ``DIGIT_BITS`` bits of one factor a cycle and add them
    in the next one.

    Latency is ``cycles(spec)``, from the transfer of a row's sums to its moments being offered;
    one row at a time.

    Members
    -------
    i : :py:`In(stream.Signature(sums_layout(input_bits, length_bits)))`
    settings : :py:`In(settings_layout(spec))`, held while a row is inside
    o : :py:`Out(stream.Signature(moments_layout(spec)))`
    """

    def __init__(self, spec: LayerNormSpec) -> None:
        self.spec = spec
        root = spec.root
        self.key = (
            f"row_moments_{spec.width}x{spec.input_bits}f{spec.mean_fraction_bits}"
            f"r{root.fraction_bits}x{root.index_bits}m{root.mantissa_bits}"
            f"e{spec.requantize.exponent_bits}"
        )
        super().__init__({
            "i": In(stream.Signature(sums_layout(spec.input_bits, length_bits(spec)))),
            "settings": In(settings_layout(spec)),
            "o": Out(stream.Signature(moments_layout(spec))),
        })

    @staticmethod
    def cycles(spec: LayerNormSpec) -> int:
        """Cycles from a row's sums to its moments; the next sums are taken one after these."""
        return sum(_digits(spec).values()) + 7 + ReciprocalRoot.STAGES

    def body(self, platform: Any) -> Module:
        m = Module()
        spec, settings = self.spec, self.settings
        bits, fraction = spec.input_bits, spec.mean_fraction_bits
        digits = _digits(spec)
        drop = reciprocal_fraction_bits(spec) - fraction
        total_bits, mean_bits = bits + length_bits(spec), bits + fraction

        # The product stands in high and in the top of low, which gives up its digits below.
        factor_bits = total_bits + fraction
        low_bits = max(digits.values()) * DIGIT_BITS
        factor = Signal(factor_bits, reset_less=True)
        high = Signal(max(factor_bits, drop + DIGIT_BITS), reset_less=True)
        low = Signal(low_bits, reset_less=True)

        def digits_of(name: str) -> Value:
            return low[: digits[name] * DIGIT_BITS]

        def product(name: str) -> Value:
            return Cat(low[low_bits - digits[name] * DIGIT_BITS :], high)

        negative = Signal(reset_less=True)
        total, mean = Signal(total_bits, reset_less=True), Signal(mean_bits, reset_less=True)
        spread = Signal(_spread_bits(spec), reset_less=True)
        # Steps of equal length for every row: two end each product, the last one waits.
        mean_ends = digits["mean"] + 2
        width_ends = mean_ends + digits["width"] + 2
        spread_ends = width_ends + digits["spread"] + 2
        done = self.cycles(spec)
        step, idle = Signal(range(done + 1)), Signal(init=1)
        m.submodules.root = root = ReciprocalRoot(spec.root, len(spread))
        m.d.comb += [
            self.i.ready.eq(idle),
            self.o.valid.eq(step == done),
            # What goes in stays, and so does what comes out.
            root.enable.eq(1),
            root.n.eq(spread),
            self.o.p.mean.eq(Mux(negative, -mean, mean)),
            self.o.p.mantissa.eq(root.mantissa),
            self.o.p.exponent.eq(root.exponent + settings.exponent_offset),
        ]
        with m.If(Mux(self.o.valid, self.o.ready, ~self.i.ready | self.i.valid)):
            m.d.sync += [step.eq(Mux(self.o.valid, 0, step + 1)), idle.eq(self.o.valid)]

        # A digit's product is added one step later: the first addition of each product adds none.
        added, begins = Value.cast(high), Signal()
        for place in range(0, factor_bits, PART_BITS):
            part = factor[place : place + PART_BITS]
            by = Signal(len(part) + DIGIT_BITS, name=f"by_{place}", reset_less=True)
            m.d.sync += by.eq(Mux(begins, 0, part * low[:DIGIT_BITS]))
            added = added + (by << place)
        m.d.comb += begins.eq((step == 0) | (step == mean_ends) | (step == width_ends))
        m.d.sync += Cat(low, high).eq(Cat(low[DIGIT_BITS:], added))
        with m.If(step == 0):
            magnitude = Mux(self.i.p.total < 0, -self.i.p.total, self.i.p.total)[:total_bits]
            # Half up, and for a negative mean half down: the product starts with the half.
            half = Const(1 << (drop - 1)) - (self.i.p.total < 0)
            m.d.sync += [
                negative.eq(self.i.p.total < 0),
                total.eq(magnitude),
                factor.eq(magnitude),
                high.eq(half << DIGIT_BITS),
                digits_of("mean").eq(settings.reciprocal),
                spread.eq((self.i.p.squares << (2 * fraction)) + settings.epsilon),
            ]
        with m.If(step == mean_ends):
            found = product("mean")[drop:][:mean_bits]
            m.d.sync += [mean.eq(found), factor.eq(found), high.eq(0)]
            m.d.sync += digits_of("width").eq(settings.width)
        with m.If(step == width_ends):
            excess = (total << (fraction + 1)) - product("width")
            m.d.sync += [factor.eq(excess), high.eq(0), digits_of("spread").eq(mean)]
        with m.If(step == spread_ends):
            m.d.sync += spread.eq(spread - product("spread"))
        return m


def _spread_bits(spec: LayerNormSpec) -> int:
    """Width of the sum of squared deviations and of as large an epsilon."""
    return 2 * (spec.input_bits + spec.mean_fraction_bits) + length_bits(spec)


def _digits(spec: LayerNormSpec) -> dict[str, int]:
    """Cycles of each product: digits of the factor that is taken apart."""
    taken = {
        "mean": reciprocal_fraction_bits(spec) + 1,
        "width": spec.width.bit_length(),
        "spread": spec.input_bits + spec.mean_fraction_bits,
    }
    return {name: -(-bits // DIGIT_BITS) for name, bits in taken.items()}
