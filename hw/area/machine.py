"""The area of a whole accelerator: each of its definitions synthesised once."""

from collections.abc import Sequence

from rich.console import Console

from hw.accelerator.accelerator import Accelerator
from hw.accelerator.package import BLOCK, PackageSpec
from hw.accelerator.plan import AcceleratorPlan
from hw.area.design import Design
from hw.area.library import Library
from hw.area.measure import measure
from hw.area.table import Row
from hw.catalog.block import DEFAULT


def measure_machine(config: str, feeder: str, libraries: Sequence[Library]) -> list[Row]:
    """A row of the machine for each library, with progress on the error stream.

    Units that stand once are one definition with what joins them, ``top``; cores, the engine's
    columns, the vector unit and the banks of the buffer are their own. Memories of many bits are
    storage.
    """
    plan = PackageSpec(config=config, feeder=feeder).plan
    name = f"{BLOCK} {config} {feeder}"
    rows = []
    with Console(stderr=True).status(f"Verilog of {name}, up to minutes") as status:
        design = Design.of(Accelerator(plan), bitcell_count(plan))
        for library in libraries:

            def tell(module: str, library: Library = library) -> None:
                status.update(f"{name} ({library.name}): {module}")

            area = measure(design, library, progress=tell)
            rows.append(Row(name=name, kind=BLOCK, spec_name=config, plan_name=DEFAULT, area=area))
    return rows


def bitcell_count(plan: AcceleratorPlan) -> int:
    """Bits of weight that a machine's cores and its engine hold."""
    spec, keys = plan.core_spec, plan.attention_spec
    cores = plan.machine.cores * spec.macros * spec.macro.bitcell_count
    return cores + keys.key_block * plan.engine_plan.column(keys).bitcell_count
