"""Areas of several blocks side by side, each against ``fixed`` of the same kind and run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from hw.area.library import GATE_EQUIVALENT
from hw.area.measure import Area

BASELINE = "fixed"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One block in one library: its kind and the names of its spec and plan.

    ``cycles`` are per group of ``tokens`` input vectors, where known; ``products`` is what such a
    group takes, lanes x columns x tokens, and 0 for a block without a macro.
    """

    name: str
    kind: str
    spec_name: str
    plan_name: str
    area: Area
    tokens: int = 1
    products: int = 0
    cycles: float | None = None

    @property
    def group(self) -> tuple[str, str, str]:
        """Rows of one group have the same baseline."""
        return self.area.library, self.kind, self.spec_name

    @property
    def logic(self) -> float:
        """Size of the logic: transistors, or square micrometres of a Liberty file's cells."""
        area = self.area
        return area.transistors if area.square_micrometres is None else area.square_micrometres

    def size(self, storage: str) -> float | None:
        """Size with ``storage``: "logic" is without; "bitcells" and "latches" are transistors."""
        if storage == "logic":
            return self.logic
        if self.area.square_micrometres is not None:
            return None
        return self.area.transistors + self.area.storage_transistors(storage == "latches")

    @property
    def period(self) -> float | None:
        """Length of a cycle: picoseconds, or the logic depth in gates."""
        bound = self.area.picoseconds_bound
        return self.area.depth if bound is None else bound


def figures(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    """Figures of a row that need another: ratios to the baseline, per lane and per product.

    ``speed_per_area`` is ``(cycles * size) of fixed / (cycles * size)``, per input vector;
    ``_clocked`` multiplies the cycles by the length of a cycle. A missing number is None.
    """
    base = next((one for one in rows if one.group == row.group and one.plan_name == BASELINE), None)
    result: dict[str, Any] = {"cycles": row.cycles, "tokens": row.tokens}
    result["times_fixed"] = row.logic / base.logic if base else None
    result["per_lane"] = row.logic * row.tokens / row.products if row.products else None
    known = row.products and row.cycles is not None
    result["per_mac_per_cycle"] = row.logic * (row.cycles or 0) / row.products if known else None
    for storage in ("logic", "bitcells", "latches"):
        plain = clocked = None
        if base and base.cycles and row.cycles and row.size(storage) and base.size(storage):
            speed = base.cycles / base.tokens / (row.cycles / row.tokens)
            plain = speed * (base.size(storage) or 0) / (row.size(storage) or 1)
            clocked = plain * (base.period or 1) / (row.period or 1)
        result[f"speed_per_area_{storage}"] = plain
        result[f"speed_per_area_{storage}_clocked"] = clocked
    return result


def as_data(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """All rows for JSON, with stable keys."""
    return [{"block": row.name, **row.area.as_dict(), **figures(row, rows)} for row in rows]


def area_table(rows: Sequence[Row], title: str) -> Table:
    """What each block consists of."""
    micrometres = any(row.area.square_micrometres is not None for row in rows)
    units = ["um2", "ps", "ps bound"] if micrometres else ["transistors", "GE", "depth"]
    apart = ["stored bits"] if micrometres else ["flip-flops", "stored bits", "6T", "12T"]
    table = _table(title, ["block", "cells", *units, "x fixed", *apart])
    for row in rows:
        area = row.area
        if micrometres:
            sizes = [area.square_micrometres, area.picoseconds, area.picoseconds_bound]
            stored = [area.storage_bits]
        else:
            sizes = [area.transistors, area.gate_equivalents, area.depth]
            stored = [area.flip_flops, area.storage_bits]
            stored += [area.storage_transistors(), area.storage_transistors(latches=True)]
        ratio = _ratio(figures(row, rows)["times_fixed"])
        numbers = [area.cells, *sizes]
        table.add_row(row.name, *map(_whole, numbers), ratio, *map(_whole, stored))
    return table


def module_table(row: Row, title: str) -> Table:
    """What each definition of a block adds, without those that it places."""
    micrometres = row.area.square_micrometres is not None
    table = _table(title, ["definition", "copies", "cells", "um2" if micrometres else "GE",
                           "flip-flops"])  # fmt: skip
    for module in row.area.modules:
        copies = module.copies
        size = module.square_micrometres if micrometres else module.transistors / GATE_EQUIVALENT
        cells = sum(module.cells.values())
        numbers = [copies, copies * cells, copies * (size or 0), copies * module.flip_flops]
        table.add_row(module.name, *map(_whole, numbers))
    return table


def speed_table(rows: Sequence[Row], title: str) -> Table:
    """What each block does per area, against ``fixed``: bare cycles, and cycles x clock."""
    table = _table(
        title,
        [
            "block",
            "cycles",
            "per lane",
            "per MAC/cycle",
            "logic",
            "with 6T",
            "with 12T",
            "logic x clock",
            "with 6T x clock",
            "with 12T x clock",
        ],
    )
    for row in rows:
        numbers = figures(row, rows)
        speeds = [
            numbers[f"speed_per_area_{storage}{clock}"]
            for clock in ("", "_clocked")
            for storage in ("logic", "bitcells", "latches")
        ]
        cycles = "" if row.cycles is None else f"{row.cycles:.2f} / {row.tokens}"
        per_lane, per_product = numbers["per_lane"], numbers["per_mac_per_cycle"]
        table.add_row(row.name, cycles, _whole(per_lane), _whole(per_product), *map(_ratio, speeds))
    return table


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=not index)
    return table


def _whole(number: float | None) -> str:
    return "" if number is None else f"{number:,.0f}"


def _ratio(number: float | None) -> str:
    return "" if number is None else f"{number:.2f}"
