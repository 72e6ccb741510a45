"""``python -m hw area``: measures blocks, several at a time, and prints them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from golden.spec import MacroSpec, Sign
from hw.accelerator.package import BLOCK
from hw.area.design import Design
from hw.area.library import CMOS, GATES, SMALLEST, Library, liberty_library
from hw.area.measure import Area, measure
from hw.area.table import Row, area_table, module_table, speed_table
from hw.catalog.selection import BLOCKS, DEFAULT, Selection, names, select
from hw.macro.plan import MacroPlan
from hw.macro.schedule import cycles

WIDTH = 140
"""Columns of a table; a narrower terminal wraps the lines, which loses nothing."""

LIBRARIES = {library.name: library for library in (GATES, CMOS, SMALLEST)}


def choose_libraries(names: Sequence[str], liberty: Path | None) -> list[Library]:
    """Return the libraries of the options: a Liberty file stands alone unless others are named."""
    if liberty is not None:
        return [*(LIBRARIES[name] for name in names), liberty_library(liberty)]
    return [LIBRARIES[name] for name in names or ("gates", "cmos")]


def read_codes(path: Path) -> NDArray:
    """Return the input vectors of a file, (..., lanes)."""
    try:
        codes = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"the codes {str(path)!r} cannot be read: {error}") from None
    if codes.ndim < 2 or not np.issubdtype(codes.dtype, np.integer):
        raise ValueError(f"codes must be integers (..., lanes), not {codes.dtype} {codes.shape}")
    return codes


def table_names() -> list[str]:
    """Names of the tables: every block with its default spec, and every plan once."""
    found = []
    for name, (kind, spec_name, plan_name) in names().items():
        plans = BLOCKS[kind].plans
        others = [one for one in plans if one != DEFAULT and plans[one] == plans[plan_name]]
        if spec_name == DEFAULT and (plan_name != DEFAULT or not others):
            found.append(name)
    return found


def mean_cycles(
    spec: MacroSpec, plan: MacroPlan, codes: NDArray | None, signed: bool
) -> float | None:
    """Cycles per group of input vectors: a constant of ``fixed``, else the mean over ``codes``."""
    if plan.feeder == "fixed":
        shape = (1, spec.lanes) if plan.tokens == 1 else (1, plan.tokens, spec.lanes)
        return float(cycles(spec, plan, np.zeros(shape, np.int64), signed)[0])
    if codes is None:
        return None
    lanes = codes.shape[-1] // spec.lanes * spec.lanes
    if not lanes:
        raise ValueError(
            f"codes of {codes.shape[-1]} lanes cannot fill the {spec.lanes} of a macro"
        )
    groups = codes[..., :lanes].reshape(-1, spec.lanes)
    return float(cycles(spec, plan, groups, signed).mean())


def measure_blocks(
    chosen: Sequence[str],
    libraries: Sequence[Library],
    codes: NDArray | None,
    signed: bool,
    jobs: int,
    input_signs: Sequence[Sign] = (),
) -> list[Row]:
    """Measure every named block in every library, with progress on the error stream.

    With ``input_signs`` a block that has inputs is measured with each of them, against ``fixed``
    with the same.

    Blocks are emitted one after the other while Yosys works on those before. Cycles are a macro's:
    what the macros of a core lose by waiting for each other is left out.
    """
    selections = [one for name in chosen for one in _with_signs(name, input_signs)]
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), TimeElapsedColumn())
    with (
        Progress(*columns, console=console, transient=True) as progress,
        ThreadPoolExecutor(jobs) as pool,
    ):

        def job(
            name: str, sign: Sign | None, selection: Selection, design: Design, library: Library
        ) -> Row:
            label = _label(name, sign)
            task = progress.add_task(f"{label} ({library.name})")

            def tell(module: str) -> None:
                progress.update(task, description=f"{label} ({library.name}): {module}")

            area = measure(design, library, progress=tell)
            progress.remove_task(task)
            return _row(name, sign, selection, area, codes, signed)

        pending = []
        emitting = progress.add_task("")
        try:
            for number, (name, sign, selection) in enumerate(selections, 1):
                line = f"[{number}/{len(selections)}] Verilog of {_label(name, sign)}"
                progress.update(emitting, description=line)
                design = Design.of(selection.create())
                for library in libraries:
                    pending.append((
                        library,
                        pool.submit(job, name, sign, selection, design, library),
                    ))
            progress.update(emitting, description="Yosys")
            done = [(library, future.result()) for library, future in pending]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [row for library in libraries for one, row in done if one is library]


def _with_signs(name: str, input_signs: Sequence[Sign]) -> list[tuple[str, Sign | None, Selection]]:
    plain = select(name)
    if not input_signs or BLOCKS[plain.block].macro(plain.spec) is None:
        return [(name, None, plain)]
    return [(name, sign, select(name, {"input_sign": sign})) for sign in input_signs]


def _label(name: str, sign: Sign | None) -> str:
    return name if sign is None else f"{name} {sign}"


def _row(
    name: str,
    sign: Sign | None,
    selection: Selection,
    area: Area,
    codes: NDArray | None,
    signed: bool,
) -> Row:
    kind, spec_name, plan_name = names()[name]
    # A sign of its own makes a group of its own.
    name, spec_name = _label(name, sign), _label(spec_name, sign)
    spec = BLOCKS[kind].macro(selection.spec)
    if spec is None:
        return Row(name=name, kind=kind, spec_name=spec_name, plan_name=plan_name, area=area)
    plan = selection.plan if isinstance(selection.plan, MacroPlan) else selection.plan.macro
    return Row(
        name=name,
        kind=kind,
        spec_name=spec_name,
        plan_name=plan_name,
        area=area,
        tokens=plan.tokens,
        products=selection.spec.lanes * selection.spec.columns * plan.tokens,
        cycles=mean_cycles(spec, plan, codes, signed and spec.input_sign != "unsigned"),
    )


def show(rows: Sequence[Row]) -> None:
    """Print two tables per library, whole numbers whatever the terminal's width."""
    console = Console()
    console.width = max(console.width, WIDTH)
    for library in dict.fromkeys(row.area.library for row in rows):
        mine = [row for row in rows if row.area.library == library]
        console.print(area_table(mine, f"Area, {library}: registers are logic, storage is apart"))
        if any(row.products for row in mine):
            title = f"Speed per area against fixed of this run, {library}"
            console.print(speed_table([row for row in mine if row.products], title))
        for row in mine:
            if row.kind == BLOCK:
                console.print(module_table(row, f"All copies of what {row.name} is made of"))
