from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from golden.configs import REQUANTIZERS
from golden.integer import RowScale, matmul, requantize
from golden.spec import CoreSpec, MacroSpec, RequantizeSpec
from hw.core.core import Core, core_key
from hw.core.plan import CorePlan
from hw.core.schedule import core_cycles
from hw.macro import schedule
from hw.macro.plan import PLANS, MacroPlan
from sim.beats import pack, stream_ports
from sim.fast import FastSimulator
from sim.row import Stimulus, pack_inputs, require_equal
from sim.stimulus import magnitudes, rows

SPEC = CoreSpec(
    macro=MacroSpec(lanes=4, columns=4, weight_sets=3),
    macros=2,
    rows=8,
    requantize=RequantizeSpec(accumulator_bits=24, shift=39),
)
UNSIGNED = MacroSpec(
    lanes=2,
    columns=2,
    weight_sets=1,
    input_bits=4,
    weight_bits=3,
    input_sign="unsigned",
    weight_signed=False,
)
INT16 = MacroSpec(
    lanes=2, columns=2, weight_sets=2, input_bits=16, weight_bits=16, input_sign="signed"
)
SPECS = {
    "either": SPEC,
    "signed": replace(SPEC, macros=3, macro=replace(SPEC.macro, input_sign="signed")),
    "unsigned": replace(SPEC, macro=UNSIGNED, macros=1, rows=4),
    "int16": CoreSpec(macro=INT16, macros=2, rows=4, requantize=REQUANTIZERS["int16"]),
}
SKIP, SPILL = PLANS["skip"], PLANS["spill-1"]
TWO_LANES = replace(PLANS["fixed"], weight_lanes=2)
PLANS_TESTED = {
    "pairs": CorePlan(requantizer_lanes=2),
    "tokens-2": CorePlan(macro=MacroPlan(tokens=2), requantizer_lanes=1),
    "fixed-lanes-2": CorePlan(macro=TWO_LANES, requantizer_lanes=2, input_depth=2),
    "pipelined": CorePlan(macro=TWO_LANES, pipelined=True, requantizer_lanes=2),
    "skip-in-step": CorePlan(macro=SKIP, requantizer_lanes=2, result_depth=0),
    "spill": CorePlan(macro=SPILL, requantizer_lanes=1),
    "skip-3-ahead": CorePlan(macro=SKIP, requantizer_lanes=2, result_depth=3, row_depth=3),
}
CASES = [
    *(("either", plan) for plan in PLANS_TESTED),
    *(("signed", plan) for plan in ("fixed-lanes-2", "skip-3-ahead")),
    *(("int16", plan) for plan in ("pairs", "fixed-lanes-2")),
    *(("unsigned", plan) for plan in ("tokens-2", "skip-in-step", "spill")),
]
STREAMS = ("i", "weights", "channels", "scales")
TRAFFIC = [
    {},
    {"idle": 0.5, "stall": 0.5},
    {"idle": 0.4, "stall": 0.6, "burst": 8},
    {"stall": 0.8},
    *({"idle": {name: 0.8}} for name in STREAMS),
]


def stimulus(spec, plan, rng, tiles, vectors=6):
    """Tiles of up to ``vectors`` vectors on random weight sets and rows, in step with nothing.

    The same row may follow at once; a set that was loaded before may be loaded in part.
    """
    macro, tokens = spec.macro, plan.macro.tokens
    streams = {name: [] for name in STREAMS}
    loaded, numbered, waiting, started = set(), set(), set(), set()
    for _ in range(tiles):
        place = int(rng.integers(macro.weight_sets))
        lanes = np.arange(0, spec.lanes, plan.macro.weight_lanes)
        if place in loaded:
            lanes = rng.permutation(lanes)[: rng.integers(1, len(lanes) + 1)]
        loaded.add(place)
        for lane in lanes:
            w = rows(rng, macro.weight_bits, plan.macro.weight_lanes, spec.columns)
            beat = {"data": w, "lane": lane, "set": place, "last": lane == lanes[-1]}
            streams["weights"].append(beat)
        finishes = rng.random() < 0.6
        if finishes and place not in waiting:
            columns = rng.permutation(spec.columns)
            if place in numbered:
                columns = columns[: rng.integers(1, spec.columns + 1)]
            streams["channels"] += channels(spec, rng, place, columns)
            numbered.add(place)
            waiting.add(place)
        count = int(rng.integers(1, vectors + 1))
        for index in range(count):
            row = tokens * int(rng.integers(spec.rows // tokens))
            last = bool(finishes and rng.random() < 0.8)
            streams["i"].append({
                "data": rows(rng, macro.input_bits, tokens, spec.lanes),
                "set": place,
                "signed": rng.integers(2),
                "row": row,
                "first": row not in started or rng.random() < 0.4,
                "last": last,
                "release": index == count - 1,
            })
            started.add(row)
            streams["scales"] += scales(spec, rng, tokens if last else 0)
        if last:
            waiting.discard(place)
    return assembled(spec, plan, streams)


def channels(spec, rng, place, columns):
    numbers = spec.requantize
    multipliers = magnitudes(rng, numbers.multiplier_bits, len(columns), signed=False)
    biases = magnitudes(rng, numbers.output_bits + 6, len(columns))
    return [
        {"multiplier": m, "bias": b, "column": c, "set": place, "last": c == columns[-1]}
        for m, b, c in zip(multipliers, biases, columns, strict=True)
    ]


def scales(spec, rng, count):
    """Scales that bring most sums near the range of the codes."""
    numbers = spec.requantize
    bits = spec.macro.sum_bits + numbers.multiplier_bits + numbers.mantissa_bits - 8
    exponent = numbers.shift + numbers.output_bits - bits + rng.integers(-4, 8, count)
    mantissa = rng.integers(1 << 15, 1 << 16, count)
    exponent = np.clip(exponent, *numbers.exponent_range)
    return [{"mantissa": m, "exponent": e} for m, e in zip(mantissa, exponent, strict=True)]


def assembled(spec, plan, streams):
    """Stimulus of lists of beats; a field that the spec lacks goes unread."""
    fields = {
        name: {field: np.array([beat[field] for beat in beats]) for field in beats[0]}
        for name, beats in streams.items()
        if beats
    }
    count = len(streams["scales"]) * plan.groups(spec)
    return Stimulus(inputs=fields, outputs={"o": count})


def golden(spec, plan, stimulus):
    """What comes out, and each vector's codes as they are read: a function of the streams' order.

    Vectors use the first load of their set until one with ``release``, then the second ...; channel
    numbers until one with ``release`` and ``last``.
    """
    inputs, tokens = stimulus.inputs, plan.macro.tokens
    weights = loads(inputs["weights"], spec.lanes, ("data",))
    numbers = loads(inputs.get("channels"), spec.columns, ("multiplier", "bias"))
    i = inputs["i"]
    sign = {"signed": np.ones, "unsigned": np.zeros}.get(spec.macro.input_sign)
    signed = i["signed"] if sign is None else sign(len(i["set"]), int)
    totals = np.zeros((spec.rows, spec.columns), np.int64)
    codes, marks, scale = [], [], 0
    x = read_as(i["data"], spec.macro.input_bits, signed[:, None, None])
    for v, place in enumerate(i["set"]):
        first = i["row"][v]
        here = slice(first, first + tokens)
        (w,) = weights[place][0]
        w = read_as(w, spec.macro.weight_bits, spec.macro.weight_signed)
        totals[here] = matmul(x[v], w) + (0 if i["first"][v] else totals[here])
        for row in range(first, first + tokens) if i["last"][v] else ():
            row_scale = RowScale(*(inputs["scales"][n][[scale]] for n in RowScale._fields))
            codes.append(requantize(spec.requantize, totals[[row]], *numbers[place][0], row_scale))
            marks.append(row)
            scale += 1
        if i["release"][v]:
            weights[place].pop(0)
            if i["last"][v]:
                numbers[place].pop(0)
    groups = plan.groups(spec)
    outputs = {
        "data": np.array(codes).reshape(-1, plan.lanes(spec)),
        "row": np.repeat(marks, groups),
        "last": np.tile(np.arange(groups) == groups - 1, len(marks)),
    }
    return outputs, x, signed


def loads(beats, size, names):
    """Per set what it holds after each load: a list of one array per name."""
    held, complete = {}, {}
    for k, place in enumerate(beats["set"] if beats else ()):
        for name in names:
            value = beats[name][k]
            whole = held.setdefault((place, name), np.zeros((size, *value.shape[1:]), np.int64))
            at = beats["lane" if name == "data" else "column"][k]
            whole[at : at + max(1, value.ndim and len(value))] = value
        if beats["last"][k]:
            arrays = [held[place, name].copy() for name in names]
            complete.setdefault(place, []).append(arrays)
    return complete


def read_as(x, bits, signed):
    """The value of ``bits`` raw bits."""
    x = np.asarray(x) & ((1 << bits) - 1)
    return np.where(signed, x - ((x >> (bits - 1)) << bits), x)


class Bench:
    """A core in Amaranth's simulator, elaborated once for any number of runs."""

    def __init__(self, spec, plan):
        self.spec, self.plan = spec, plan
        core = Core(spec, plan)
        self.ports = stream_ports(core)
        self.simulator = FastSimulator(core)

    def execute(self, sent, **traffic):
        """Run and compare; return the cycles of all transfers and the steps of each macro."""
        spec, tokens = self.spec, self.plan.macro.tokens
        result = self.simulator.run(pack_inputs(self.ports, sent), sent.outputs, **traffic)
        expected, x, signed = golden(spec, self.plan, sent)
        shape = self.ports["o"].shape
        require_equal("o", result.beats["o"], pack(shape, expected))
        groups = x.reshape(len(x), tokens, spec.macros, spec.macro.lanes).swapaxes(1, 2)
        groups = groups[:, :, 0] if tokens == 1 else groups
        positive, negative = (
            schedule.cycles(spec.macro, self.plan.macro, groups, sign) for sign in (False, True)
        )
        return result.cycles, np.where(signed[:, None], negative, positive)


@pytest.mark.parametrize("spec_name, plan_name", CASES)
def test_matches_golden_whatever_pauses(spec_name, plan_name):
    spec, plan = SPECS[spec_name], PLANS_TESTED[plan_name]
    bench = Bench(spec, plan)
    for seed, traffic in enumerate(TRAFFIC):
        sent = stimulus(spec, plan, np.random.default_rng(seed), tiles=6)
        bench.execute(sent, seed=seed, **traffic)


def consecutive(spec, plan, rng, tiles, finishing, vectors=None):
    """Tiles on sets 0, 1 ... of vectors on rows 0, 1 ...; the last tile finishes that many."""
    tokens = plan.macro.tokens
    vectors = spec.rows // tokens if vectors is None else vectors
    streams = {name: [] for name in STREAMS}
    sets = spec.macro.weight_sets
    streams["channels"] = channels(spec, rng, (tiles - 1) % sets, np.arange(spec.columns))
    for tile in range(tiles):
        for lane in range(spec.lanes):
            w = rows(rng, spec.macro.weight_bits, 1, spec.columns)
            beat = {"data": w, "lane": lane, "set": tile % sets, "last": lane == spec.lanes - 1}
            streams["weights"].append(beat)
    for tile, index in product(range(tiles), range(vectors)):
        last = tile == tiles - 1 and index >= vectors - finishing
        streams["scales"] += scales(spec, rng, tokens if last else 0)
        streams["i"].append({
            "data": magnitudes(rng, spec.macro.input_bits, (tokens, spec.lanes)),
            "set": tile % sets,
            "signed": 1,
            "row": index * tokens,
            "first": tile == 0,
            "last": last,
            "release": index == vectors - 1,
        })
    sent = assembled(spec, plan, streams)
    return sent, {"i": {"weights": len(streams["weights"]), "channels": spec.columns}}


@pytest.mark.parametrize(
    "input_depth, result_depth, row_depth", [(4, 0, 2), (4, 1, 2), (2, 2, 4), (16, 3, 2)]
)
def test_takes_the_cycles_of_the_schedule(input_depth, result_depth, row_depth):
    plan = CorePlan(
        macro=SPILL,
        requantizer_lanes=1,
        input_depth=input_depth,
        result_depth=result_depth,
        row_depth=row_depth,
    )
    sent, after = consecutive(SPEC, plan, np.random.default_rng(5), tiles=3, finishing=5)
    moves, steps = Bench(SPEC, plan).execute(sent, after=after)
    assert len(np.unique(steps)) > 3
    expected = core_cycles(SPEC, plan, steps, sent.inputs["i"]["last"])
    assert moves["o"][-1] - moves["i"][0] + 1 == expected


@pytest.mark.parametrize("lanes, row_depth", [(4, 2), (1, 2), (1, 4)])
def test_a_pipelined_core_takes_the_cycles_of_the_schedule(lanes, row_depth):
    spec = replace(SPEC, macro=replace(SPEC.macro, columns=16))
    plan = CorePlan(
        macro=PLANS["fixed"], pipelined=True, requantizer_lanes=lanes, row_depth=row_depth
    )
    sent, after = consecutive(spec, plan, np.random.default_rng(9), tiles=3, finishing=7)
    moves, steps = Bench(spec, plan).execute(sent, after=after)
    expected = core_cycles(spec, plan, steps, sent.inputs["i"]["last"])
    assert moves["o"][-1] - moves["i"][0] + 1 == expected


@pytest.mark.parametrize("tokens", [1, 4])
def test_takes_a_vector_a_cycle_across_tiles(tokens):
    plan = CorePlan(macro=MacroPlan(tokens=tokens), requantizer_lanes=4)
    sent, after = consecutive(SPEC, plan, np.random.default_rng(6), tiles=3, finishing=1)
    moves, _ = Bench(SPEC, plan).execute(sent, after=after)
    assert np.ptp(moves["i"]) + 1 == len(moves["i"]) == 3 * SPEC.rows // tokens
    # One step of the macro, and the latency that Core documents.
    assert moves["o"][-tokens] - moves["i"][-1] == 1 + 10


def test_one_set_loads_while_another_computes():
    spec, plan = replace(SPEC, rows=32), CorePlan(requantizer_lanes=4)
    sent, _ = consecutive(spec, plan, np.random.default_rng(8), tiles=7, finishing=1, vectors=12)
    moves, _ = Bench(spec, plan).execute(sent)
    # Only the first weights are waited for: 8 beats load in the shadow of 12 vectors.
    assert np.ptp(moves["i"]) + 1 == 7 * 12


@pytest.mark.parametrize(
    "plan, message",
    [
        ({"requantizer_lanes": 3}, "requantizer_lanes must be a power of two, not 3"),
        ({"requantizer_lanes": 8}, "requantizer_lanes must divide the 4 columns, not be 8"),
        ({"input_depth": 1}, "input_depth must be an integer from 2 to 256, not 1"),
        ({"input_depth": 6}, "input_depth must be a power of two, not 6"),
        ({"result_depth": -1}, "result_depth must be an integer from 0 to 64, not -1"),
        ({"row_depth": 1}, "row_depth must be an integer from 2 to 4096, not 1"),
        ({"macro": MacroPlan(tokens=3)}, "tokens must be a power of two that divides the 8 rows"),
        ({"macro": MacroPlan(tokens=16)}, "tokens must be a power of two that divides the 8 rows"),
        (
            {"macro": PLANS["pairs"], "pipelined": True},
            "a pipelined macro has feeder 'fixed', products 'plain' and one token",
        ),
        (
            {"macro": replace(PLANS["fixed"], bits_per_cycle=4), "pipelined": True},
            "a pipelined core has macros of more steps than their 5 stages, not of 2",
        ),
        ({"macro": MacroPlan(weight_lanes=3)}, "weight_lanes must divide the 4 lanes, not be 3"),
    ],
)
def test_impossible_plans_are_named(plan, message):
    with pytest.raises(ValueError, match=message):
        CorePlan(**{"requantizer_lanes": 2} | plan).require(SPEC)


def test_default_depth_follows_the_feeder():
    depths = {name: CorePlan(macro=plan).results_ahead for name, plan in PLANS.items()}
    assert depths["fixed"] == depths["pairs"] == 0
    assert depths["skip"] == depths["ring"] == depths["spill-2"] == 1


def test_keys_tell_specs_and_plans_apart():
    keys = [core_key(*each) for each in product(SPECS.values(), PLANS_TESTED.values())]
    assert len(set(keys)) == len(keys)
    assert all(key.isidentifier() for key in keys)
