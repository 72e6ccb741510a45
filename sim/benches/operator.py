"""The generic bench: one row of the operator table at one point, over the whole traffic grid.

Plusargs: ``operator``, ``point``, ``seed``, ``count`` (results of a run; the row's own by default),
and ``set_PORT=value`` for plain inputs that are held, as a netlist with mutants has one.
Every run writes a line of JSON to ``runs.jsonl``, which ``python -m sim bench`` prints.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cocotb
import numpy as np

from sim.operators import operator
from sim.row import GRID, pack_inputs
from sim.stream import exchange, start

RUNS = "runs.jsonl"


@cocotb.test(timeout_time=5, timeout_unit="ms")
@cocotb.parametrize(traffic=range(len(GRID)))
async def matches_golden(dut: Any, traffic: int) -> None:
    """Every output beat is golden's; without pauses every transfer is in its cycle."""
    row = operator(cocotb.plusargs["operator"])
    point = row.point(cocotb.plusargs["point"])
    ports = row.ports(point)
    seed = int(cocotb.plusargs["seed"]) + traffic
    count = int(cocotb.plusargs.get("count", row.count))
    stimulus = row.stimulus(point, np.random.default_rng(seed), count)
    for name, value in cocotb.plusargs.items():
        if name.startswith("set_"):
            dut[name.removeprefix("set_")].value = int(value)
    await start(dut, ports.values())
    chosen = GRID[traffic]
    result = await exchange(
        dut,
        ports,
        pack_inputs(ports, stimulus),
        stimulus.outputs,
        idle=chosen.idle,
        stall=chosen.stall,
        burst=chosen.burst,
        seed=seed,
        after=stimulus.after,
    )
    row.compare(point, stimulus, result, chosen)
    beats = {name: len(cycles) for name, cycles in result.cycles.items()}
    line = asdict(chosen) | {"beats": beats, "cycles": result.total, "seconds": result.seconds}
    with Path(RUNS).open("a") as file:
        file.write(json.dumps(line) + "\n")
