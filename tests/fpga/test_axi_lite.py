"""The link's bus against an AXI4-Lite slave that is streams of a bench."""

import numpy as np

from fpga.link.axi_lite import AxiLiteMaster
from fpga.link.bus import REQUEST, RESPONSE
from sim import native
from sim.beats import pack, unpack
from sim.row import GRID

ADDRESS_BITS = 8
COUNT = 300


def test_every_request_is_one_access_in_order():
    simulator = native.build(AxiLiteMaster(ADDRESS_BITS))
    rng = np.random.default_rng(1)
    shapes = {name: port.shape for name, port in simulator.ports.items()}
    address = rng.integers(0, 1 << ADDRESS_BITS - 2, COUNT)
    beyond = rng.random(COUNT) < 0.1
    address += np.where(beyond, 1 << ADDRESS_BITS - 2 + rng.integers(0, 10, COUNT), 0)
    write, words = rng.integers(0, 2, COUNT), rng.integers(0, 1 << 32, COUNT)
    resp = np.where(rng.random(COUNT) < 0.2, 2, 0)
    writes, reads = (write == 1) & ~beyond, (write == 0) & ~beyond
    requests = {"address": address, "write": write, "data": words}
    answers = rng.integers(0, 1 << 32, COUNT)
    inputs = {
        "bus__request": pack(REQUEST, requests),
        "registers__b": pack(shapes["registers__b"], {"resp": resp[writes]}),
        "registers__r": pack(shapes["registers__r"], {"data": answers[reads], "resp": resp[reads]}),
    }
    outputs = {
        "bus__response": COUNT,
        "registers__aw": int(writes.sum()),
        "registers__w": int(writes.sum()),
        "registers__ar": int(reads.sum()),
    }
    after = {
        "registers__b": {
            name: np.arange(1, writes.sum() + 1) for name in ("registers__aw", "registers__w")
        },
        "registers__r": {"registers__ar": np.arange(1, reads.sum() + 1)},
    }
    for seed, traffic in enumerate(GRID):
        pauses = {"idle": traffic.idle, "stall": traffic.stall, "burst": traffic.burst}
        result = simulator.run(inputs, outputs, after=after, seed=seed, **pauses)
        seen = {name: unpack(shapes[name], result.beats[name]) for name in outputs}
        assert seen["registers__aw"]["addr"].tolist() == (4 * address[writes]).tolist()
        assert seen["registers__ar"]["addr"].tolist() == (4 * address[reads]).tolist()
        assert seen["registers__w"]["data"].tolist() == words[writes].tolist()
        assert (seen["registers__w"]["strb"] == 15).all()
        told = unpack(RESPONSE, result.beats["bus__response"])
        assert told["error"].tolist() == (beyond | (resp > 0)).tolist()
        assert told["data"][reads].tolist() == answers[reads].tolist()
