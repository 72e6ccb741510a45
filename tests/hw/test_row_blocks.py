"""Operators over rows by name: their reference against golden, and the files that are generated."""

import numpy as np
import pytest
from generated import icarus

from golden.integer import saturate
from golden.ops.activation import activation
from golden.ops.affine import affine
from golden.ops.embedding import embedding
from golden.ops.interpolate import interpolate
from golden.ops.layer_norm import layer_norm
from golden.ops.multiply import multiply
from golden.ops.quantize import quantize
from golden.ops.residual_add import residual_add
from golden.ops.state_update import cell_update, gru_update
from golden.ops.state_update import multiply as gated
from hw.catalog.selection import BLOCKS, select
from hw.generate import generate, write_files
from hw.ops.activation import Activation
from hw.ops.layer_norm import LayerNorm
from hw.ops.plan import ActivationPlan, LanesPlan
from hw.ops.row_moments import RowMoments
from sim.beats import pack, stream_ports, unpack
from sim.fast import FastSimulator
from sim.operators import operator
from sim.tensors import row_beats

COUNT = 40


def drawn(name):
    """Spec of a block, and the fields of each of its streams."""
    selection = select(name)
    rng = np.random.default_rng(11)
    beats = BLOCKS[selection.block].beats(selection.spec, selection.plan, rng, COUNT)
    return selection.spec, {stream: one.fields for stream, one in beats.items()}


def rows(fields):
    """Rows of equal length, (N, D)."""
    length = int(np.flatnonzero(fields["last"])[0]) + 1
    return fields["data"].reshape(len(fields["data"]) // length, -1)


def test_reference_of_layer_norm_equals_golden():
    for name in ("layer_norm", "layer_norm-tiny"):
        spec, streams = drawn(name)
        channels, settings = streams["channels"], streams["settings"]
        multiplier, bias = (channels[key][: spec.width] for key in ("multiplier", "bias"))
        x, o = (rows(streams[key])[:, : spec.width] for key in ("i", "o"))
        numbers = settings["epsilon"], settings["exponent_offset"]
        assert (layer_norm(spec, x, multiplier, bias, *numbers) == o).all()
        assert len(np.unique(o)) > 20


@pytest.mark.parametrize("name", ["quantize_rows", "quantize_rows-tiny"])
def test_reference_of_quantize_rows_equals_golden(name):
    spec, streams = drawn(name)
    ends = np.flatnonzero(streams["i"]["last"]) + 1
    scales = zip(streams["scales"]["mantissa"], streams["scales"]["exponent"], strict=True)
    for start, stop, told in zip([0, *ends[:-1]], ends, scales, strict=True):
        x, codes = (streams[key]["data"][start:stop].reshape(1, -1) for key in ("i", "o"))
        found, scale = quantize(spec, x, streams["settings"]["exponent_offset"])
        assert (found == codes).all()
        assert (scale.mantissa[0], scale.exponent[0]) == told


@pytest.mark.parametrize("name", ["activation", "activation-tiny"])
def test_reference_of_activation_equals_golden(name):
    spec, streams = drawn(name)
    assert (activation(spec, streams["i"]["data"]) == streams["o"]["data"]).all()


@pytest.mark.parametrize("size", ["", "-tiny"])
def test_reference_of_what_is_element_by_element_equals_golden(size):
    spec, streams = drawn(f"residual_add{size}")
    assert (residual_add(spec, rows(streams["x"]), rows(streams["y"])) == rows(streams["o"])).all()
    spec, streams = drawn(f"multiply{size}")
    settings = streams["settings"].values()
    assert (multiply(spec, rows(streams["x"]), rows(streams["y"]), *settings)
            == rows(streams["o"])).all()  # fmt: skip
    spec, streams = drawn(f"affine{size}")
    multiplier, bias = (streams["channels"][key] for key in ("multiplier", "bias"))
    offset = streams["settings"]["exponent_offset"]
    assert (affine(spec, rows(streams["i"]), multiplier, offset, bias) == rows(streams["o"])).all()


def test_reference_of_embedding_equals_golden():
    _, streams = drawn("embedding")
    ids, (count,) = streams["ids"]["id"], streams["settings"]["rows"]
    table = streams["table"]["data"].reshape(count, -1)
    found = rows(streams["o"])
    inside = ids < count
    assert (embedding(None, ids[inside], table) == found[inside]).all()
    assert not found[~inside].any()
    assert (~inside).any()


@pytest.mark.parametrize("name", ["rnn", "gru", "gru-after", "lstm-tiny"])
def test_reference_of_state_updates_equals_golden(name):
    spec, streams = drawn(name)
    i, o = streams["i"], streams["o"]
    gates, products = (np.moveaxis(i[key], -1, 0) for key in ("gates", "products"))
    sums = saturate(gates + products, 16)
    sigmoid = interpolate(spec.sigmoid, sums)
    if name == "rnn":
        assert (o["new"] == interpolate(spec.tanh, sums[0])).all()
    elif name == "gru":
        second = i["candidate"].astype(bool)
        fresh = interpolate(spec.tanh, sums[0])
        new = gru_update(i["update"], i["state"], fresh)
        assert (o["new"][second] == new[second]).all()
        assert (o["new"] == gated(i["state"], sigmoid[0]))[~second].all()
        assert (o["other"] == sigmoid[1])[~second].all()
    elif name == "gru-after":
        before = saturate(gates[2] + gated(products[2], sigmoid[0]), 16)
        fresh = interpolate(spec.tanh, before)
        assert (o["new"] == gru_update(sigmoid[1], i["state"], fresh)).all()
    else:
        fresh = interpolate(spec.tanh, sums[3])
        c = cell_update(spec, i["state"], sigmoid[0], sigmoid[1], fresh)
        assert (o["other"] == c).all()
        assert (o["new"] == gated(interpolate(spec.cell_tanh, c), sigmoid[2])).all()


@pytest.mark.parametrize(
    "name",
    [
        *("layer_norm-tiny", "quantize_rows-tiny", "activation-tiny", "residual_add-tiny"),
        *("multiply-tiny", "affine-tiny", "embedding", "rnn-tiny", "gru-tiny", "lstm-tiny"),
    ],
)
def test_generated_files_pass_in_icarus(name, tmp_path, tool):
    tool("iverilog")
    choices = {"lanes": 2} | ({"width": 6} if name in {"affine-tiny", "embedding"} else {})
    write_files(tmp_path, generate(name, choices, beats=12))
    code, told = icarus(tmp_path, name)
    assert (code, told.startswith(f"PASS {name.replace('-', '_')}: ")) == (0, True), told


def test_layer_norm_of_short_rows_takes_as_long_as_it_tells():
    point = operator("layer_norm").point("small")
    spec, plan = point.spec, point.plan
    component = LayerNorm(spec, plan)
    ports = stream_ports(component)
    settings = dict.fromkeys(("width", "reciprocal", "epsilon"), np.array([1]))
    sent = {
        "i": pack(ports["i"].shape, row_beats(np.ones((60, plan.lanes), int), plan.lanes)),
        "settings": pack(ports["settings"].shape, settings | {"exponent_offset": np.array([30])}),
    }
    result = FastSimulator(component).run(sent, {"o": 60})
    units = LayerNorm.units_of(spec, plan)
    steady = result.cycles["o"][2 * units :]
    assert units > 1
    assert (steady[units:] - steady[:-units] == RowMoments.cycles(spec) + 1).all()


def test_an_activation_holds_its_function_at_first():
    point = operator("activation").point("small")
    component = Activation(point.spec, point.plan)
    ports = stream_ports(component)
    x = row_beats(np.arange(-128, 128)[None], point.plan.lanes)
    result = FastSimulator(component).run({"i": pack(ports["i"].shape, x)}, {"o": 128})
    y = unpack(ports["o"].shape, result.beats["o"])["data"]
    assert (y == activation(point.spec, x["data"])).all()


def test_impossible_lanes_are_named():
    with pytest.raises(ValueError, match="lanes must be a power of two, not 3"):
        LanesPlan(lanes=3)
    with pytest.raises(ValueError, match="lanes_per_table must divide the 8 lanes, not be 3"):
        ActivationPlan(lanes=8, lanes_per_table=3)
