"""A clock by the chip's PLL: dividers for a frequency, and the cell that they go into."""

from dataclasses import dataclass

from amaranth.hdl import Const, Instance, Signal, Value

MEGA = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Dividers:
    """``input / reference * feedback`` is the output; its oscillator runs ``output`` times that.

    On iCE40 ``output`` is the power of two that the oscillator is divided by.
    """

    reference: int
    feedback: int
    output: int
    hertz: float


def ecp5_dividers(source: int, wanted: float) -> Dividers:
    """Dividers nearest to ``wanted`` hertz; oscillator 400 to 800 MHz, comparison from 3.125 MHz.

    Source: Lattice FPGA-TN-02200, ECP5 sysCLOCK PLL.
    """
    found = [
        Dividers(reference=reference, feedback=feedback, output=output, hertz=hertz)
        for reference in range(1, 33)
        if source / reference >= 3.125 * MEGA
        for feedback in range(1, 81)
        for hertz in [source / reference * feedback]
        if abs(hertz - wanted) < 0.1 * wanted
        for output in [max(1, round(600 * MEGA / hertz))]
        if 400 * MEGA <= hertz * output <= 800 * MEGA and output <= 128
    ]
    return _nearest(found, source, wanted)


def ice40_dividers(source: int, wanted: float) -> Dividers:
    """Dividers nearest to ``wanted`` hertz, which is at least 16 MHz.

    Oscillator 533 to 1066 MHz, comparison 10 to 133 MHz, simple feedback.
    Source: Lattice FPGA-TN-02052, iCE40 sysCLOCK PLL.
    """
    found = [
        Dividers(reference=reference, feedback=feedback, output=output, hertz=hertz)
        for reference in range(1, 17)
        if 10 * MEGA <= source / reference <= 133 * MEGA
        for feedback in range(1, 65)
        if 533 * MEGA <= source / reference * feedback <= 1066 * MEGA
        for output in range(1, 7)
        for hertz in [source / reference * feedback / 2**output]
        if hertz >= 16 * MEGA
    ]
    return _nearest(found, source, wanted)


def _nearest(found: list[Dividers], source: int, wanted: float) -> Dividers:
    near = [one for one in found if abs(one.hertz - wanted) <= 0.01 * wanted]
    if not near:
        raise ValueError(
            f"no PLL setting makes {wanted / MEGA:g} MHz of {source / MEGA:g} MHz: "
            "choose another clock"
        )
    return min(near, key=lambda one: (abs(one.hertz - wanted), one.reference))


def ecp5_pll(
    source: Value,
    clock: Signal,
    locked: Signal,
    dividers: Dividers,
    later: Signal | None = None,
    degrees: float = 0,
) -> Instance:
    """Return the ECP5's PLL with its first output fed back; ``later`` is ``degrees`` behind it."""
    # In eighths of the oscillator's cycle.
    phase = 8 * (dividers.output // 2) + round(8 * dividers.output * degrees / 360)
    second = (
        {}
        if later is None
        else {
            "p_CLKOS_ENABLE": "ENABLED",
            "p_CLKOS_DIV": dividers.output,
            "p_CLKOS_CPHASE": phase // 8,
            "p_CLKOS_FPHASE": phase % 8,
            "i_ENCLKOS": Const(0),
            "o_CLKOS": later,
        }
    )
    return Instance(
        "EHXPLLL",
        a_ICP_CURRENT="12",
        a_LPF_RESISTOR="8",
        p_PLLRST_ENA="DISABLED",
        p_INTFB_WAKE="DISABLED",
        p_STDBY_ENABLE="DISABLED",
        p_DPHASE_SOURCE="DISABLED",
        p_OUTDIVIDER_MUXA="DIVA",
        p_CLKOP_ENABLE="ENABLED",
        p_CLKOP_DIV=dividers.output,
        p_CLKOP_CPHASE=dividers.output // 2,
        p_CLKOP_FPHASE=0,
        p_FEEDBK_PATH="CLKOP",
        p_CLKI_DIV=dividers.reference,
        p_CLKFB_DIV=dividers.feedback,
        i_RST=Const(0),
        i_STDBY=Const(0),
        i_CLKI=source,
        i_CLKFB=clock,
        i_PHASESEL0=Const(0),
        i_PHASESEL1=Const(0),
        i_PHASEDIR=Const(1),
        i_PHASESTEP=Const(1),
        i_PHASELOADREG=Const(1),
        i_PLLWAKESYNC=Const(0),
        i_ENCLKOP=Const(0),
        o_CLKOP=clock,
        **second,
        o_LOCK=locked,
    )


def ice40_pll(source: Value, clock: Signal, locked: Signal, dividers: Dividers) -> Instance:
    """Return the iCE40's PLL, its source a pad that is not used otherwise."""
    compared = dividers.hertz * 2**dividers.output / dividers.feedback / MEGA
    ranges = (17, 26, 44, 66, 101, 133)
    return Instance(
        "SB_PLL40_PAD",
        p_FEEDBACK_PATH="SIMPLE",
        p_DIVR=Const(dividers.reference - 1, 4),
        p_DIVF=Const(dividers.feedback - 1, 7),
        p_DIVQ=Const(dividers.output, 3),
        p_FILTER_RANGE=Const(1 + sum(compared >= limit for limit in ranges), 3),
        i_PACKAGEPIN=source,
        i_RESETB=Const(1),
        i_BYPASS=Const(0),
        o_PLLOUTGLOBAL=clock,
        o_LOCK=locked,
    )
