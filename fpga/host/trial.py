"""A trial of a board: random beats through its design, every result compared with golden."""

from dataclasses import dataclass
from time import perf_counter

import numpy as np

from fpga.boards import Board
from fpga.design import StreamDesign
from fpga.host.client import Client, Port
from fpga.host.streams import StreamHost
from sim.beats import pack
from sim.row import pack_inputs, require_equal


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What was compared, how often a request was repeated, and the seconds it took."""

    beats: dict[str, int]
    repeated: int
    seconds: float


def run_trial(port: Port, board: Board, design: StreamDesign, seed: int, count: int) -> Trial:
    """Send about ``count`` results' worth of the row's stimulus; raise ``Mismatch`` on any bit.

    What has to come first, such as weights, is sent first, and all of it.
    """
    began = perf_counter()
    row, point = design.operator, design.point
    client = Client(port)
    client.require(board, design)
    ports = row.ports(point)
    stimulus = row.stimulus(point, np.random.default_rng(seed), count)
    beats = pack_inputs(ports, stimulus)
    order = sorted(beats, key=lambda name: len((stimulus.after or {}).get(name, {})))
    host = StreamHost(client, ports, design.depth)
    results = host.run(
        {name: beats[name] for name in order}, stimulus.outputs, by_turns=design.by_turns
    )
    # Golden is told the order: a stream's beats all come before those of the next.
    cycles = {name: np.full(len(beats[name]), k) for k, name in enumerate(order)}
    for name, fields in row.golden(point, stimulus, cycles).items():
        require_equal(name, results[name], pack(ports[name].shape, fields))
    return Trial(
        beats={name: len(one) for name, one in {**beats, **results}.items()},
        repeated=client.repeated,
        seconds=perf_counter() - began,
    )
