"""A chip of synchronous DRAM: its sizes, and its least times in nanoseconds and in cycles."""

from dataclasses import dataclass
from math import ceil, floor

NANO = 1e-9


@dataclass(frozen=True, kw_only=True)
class SdramTiming:
    """Least cycles between commands; JEDEC's names behind them.

    activate_to_access
        From ACTIVATE to READ or WRITE of that bank, tRCD.
    activate_to_precharge, activate_to_activate
        Of one bank, tRAS and tRC.
    activate_to_other
        From ACTIVATE to that of another bank, tRRD.
    precharge
        From PRECHARGE to ACTIVATE or REFRESH, tRP.
    write_recovery
        From the last written word to PRECHARGE, tWR.
    refresh
        From REFRESH to any command, tRFC.
    mode
        From LOAD MODE to any command, tMRD.
    refresh_interval
        Most cycles from REFRESH to REFRESH in the long run, tREFI.
    power_up
        From a stable clock to the first command.
    """

    activate_to_access: int
    activate_to_precharge: int
    activate_to_activate: int
    activate_to_other: int
    precharge: int
    write_recovery: int
    refresh: int
    mode: int
    refresh_interval: int
    power_up: int


@dataclass(frozen=True, kw_only=True)
class SdramPart:
    """Sizes of a chip, its CAS latency in cycles, its least times in nanoseconds.

    Times are those of ``SdramTiming``, of which ``write_recovery`` is also never less than its
    cycles. ``highest_hertz`` is the quickest clock at this ``cas``.
    """

    name: str
    row_bits: int = 13
    column_bits: int = 9
    bank_bits: int = 2
    data_bits: int = 16
    cas: int = 2
    highest_hertz: float
    activate_to_access: float
    activate_to_precharge: float
    activate_to_activate: float
    activate_to_other: float
    precharge: float
    write_recovery: float
    refresh: float
    write_recovery_cycles: int = 2
    mode_cycles: int = 2
    refresh_interval: float = 7800
    power_up: float = 200e3

    @property
    def size(self) -> int:
        """Bytes."""
        return self.data_bits // 8 << self.row_bits + self.column_bits + self.bank_bits

    def timing(self, hertz: float) -> SdramTiming:
        """Times in cycles of a clock; raise ``ValueError`` for one that the chip does not take."""
        if not 0 < hertz <= self.highest_hertz:
            raise ValueError(
                f"{self.name} with a CAS latency of {self.cas} takes a clock of up to "
                f"{self.highest_hertz / 1e6:g} MHz, not {hertz / 1e6:g}: choose a slower one"
            )

        def cycles(nanoseconds: float) -> int:
            # A hair more than a whole cycle is float's rounding.
            return ceil(nanoseconds * NANO * hertz - 1e-6)

        return SdramTiming(
            activate_to_access=cycles(self.activate_to_access),
            activate_to_precharge=cycles(self.activate_to_precharge),
            activate_to_activate=cycles(self.activate_to_activate),
            activate_to_other=cycles(self.activate_to_other),
            precharge=cycles(self.precharge),
            write_recovery=max(cycles(self.write_recovery), self.write_recovery_cycles),
            refresh=cycles(self.refresh),
            mode=self.mode_cycles,
            refresh_interval=floor(self.refresh_interval * NANO * hertz),
            power_up=cycles(self.power_up),
        )


SDRAM_32MB = SdramPart(
    name="32 MB SDRAM",
    highest_hertz=100e6,
    activate_to_access=21,
    activate_to_precharge=45,
    activate_to_activate=67.5,
    activate_to_other=15,
    precharge=21,
    write_recovery=15,
    refresh=67.5,
)
"""What ULX3S carries, 4 banks of 8,192 rows of 512 words of 16 bits: of each time the longest in
the data sheets of IS42S16160G-7, MT48LC16M16A2-75, W9825G6KH-6 and AS4C32M16SB-7, so either one may
be there. Of the last, which is twice as large, it is the lower half of each row."""
