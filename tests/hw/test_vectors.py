import re
import zlib

import numpy as np
import pytest
from generated import BEATS, BLOCKS, ROOT, each_case, generated, read

from golden.configs import REQUANTIZERS
from golden.integer import RowScale, matmul, requantize
from golden.spec import RequantizeSpec
from hw.catalog.core.reference import core_beats, requantized, requantizer_beats
from hw.catalog.selection import select
from hw.generate import generate


@each_case("words", "tokens", "halves", "skip")
def test_vectors_of_macros_equal_golden(case):
    name, files = generated(case)
    selection = select(name, BLOCKS[case][1])
    spec, plan = selection.spec, selection.plan
    streams, elements = read(files[f"{name}.vectors.txt"])
    loads = list(zip(*streams["weights"].values(), strict=True))
    assert list(streams["weights"]) == ["after_i", "data", "lane", "set"]
    signs = {"signed": [1] * BEATS, "unsigned": [0] * BEATS}.get(spec.input_sign) or streams["i"][
        "signed"
    ]
    for beat, (after, word, index) in enumerate(
        zip(*(streams["i"][one] for one in ("after_weights", "data", "set")), strict=True)
    ):
        weights = np.zeros((spec.weight_sets, spec.lanes, spec.columns), np.int64)
        for _, rows, lane, written in loads[:after]:
            row = elements(
                rows, spec.weight_bits, spec.columns * plan.weight_lanes, spec.weight_signed
            )
            weights[written, lane : lane + plan.weight_lanes] = np.reshape(row, (-1, spec.columns))
        x = elements(word, spec.input_bits, spec.lanes * plan.tokens, bool(signs[beat]))
        sums = matmul(np.reshape(x, (plan.tokens, spec.lanes)), weights[index])
        told = elements(streams["o"]["data"][beat], spec.sum_bits, sums.size, True)
        assert told == sums.reshape(-1).tolist()


REQUANTIZERS_TESTED = {
    **REQUANTIZERS,
    "narrow": RequantizeSpec(
        accumulator_bits=6,
        multiplier_bits=2,
        mantissa_bits=3,
        exponent_bits=3,
        bias_bits=5,
        bias_fraction_bits=1,
        shift=5,
        output_bits=4,
    ),
}


@pytest.mark.parametrize("spec", REQUANTIZERS_TESTED.values(), ids=REQUANTIZERS_TESTED)
def test_reference_of_the_requantizer_equals_golden(spec):
    rng = np.random.default_rng(3)
    beats = requantizer_beats(spec, 8, 4, rng, 100)
    fields = beats["i"].fields
    extremes = [-1 << (spec.accumulator_bits - 1), (1 << (spec.accumulator_bits - 1)) - 1]
    fields["accumulator"][0, :2] = extremes
    for beat in range(100):
        numbers = [fields[key][beat] for key in ("accumulator", "multiplier", "bias")]
        scale = fields["mantissa"][beat], fields["exponent"][beat]
        golden = requantize(
            spec, numbers[0][None], *numbers[1:], RowScale(*(one[None] for one in scale))
        )
        told = [requantized(spec, *each, *scale) for each in zip(*numbers, strict=True)]
        assert told == golden[0].tolist()
        assert beat == 0 or told == beats["o"].fields["data"][beat].tolist()


@pytest.mark.parametrize("name", ["core-tiny", "core-tiny-pairs-4"])
def test_vectors_of_cores_equal_golden(name):
    selection = select(name)
    spec, plan = selection.spec, selection.plan
    beats = core_beats(spec, plan, np.random.default_rng(5), 60)
    weights, channels, scales, outputs = (
        _rows(beats[stream].fields) for stream in ("weights", "channels", "scales", "o")
    )
    totals = np.zeros((spec.rows, spec.columns), np.int64)
    loaded = {}
    numbers = {}
    for one in _rows(beats["i"].fields):
        if one["set"] not in loaded:
            loaded[one["set"]] = np.concatenate([each["data"] for each in _group(weights)])
        rows = slice(one["row"], one["row"] + plan.macro.tokens)
        kept = 0 if one["first"] else totals[rows]
        totals[rows] = kept + matmul(one["data"], loaded[one["set"]])
        if one["last"]:
            while one["set"] not in numbers:
                group = sorted(_group(channels), key=lambda each: each["column"])
                numbers[group[0]["set"]] = [
                    np.array([each[key] for each in group]) for key in ("multiplier", "bias")
                ]
            for row in range(rows.start, rows.stop):
                scale = next(scales)
                scale = RowScale(scale["mantissa"][None], scale["exponent"][None])
                codes = requantize(spec.requantize, totals[row][None], *numbers[one["set"]], scale)
                told = list(_group(outputs))
                assert [each["row"] for each in told] == [row] * plan.groups(spec)
                assert np.array_equal(np.concatenate([each["data"] for each in told]), codes[0])
        if one["release"]:
            del loaded[one["set"]]
            if one["last"]:
                del numbers[one["set"]]
    assert [len(list(each)) for each in (weights, scales, outputs)] == [0, 0, 0]


def _rows(fields):
    """Beats one by one."""
    count = len(next(iter(fields.values())))
    return iter([{key: values[beat] for key, values in fields.items()} for beat in range(count)])


def _group(beats):
    """Beats up to the one with ``last``."""
    for one in beats:
        yield one
        if one["last"]:
            return


def test_vectors_are_as_documented():
    page = (ROOT / "docs/vectors.md").read_text()
    example = re.search(
        r"`python -m hw generate (\S+ --.*) -o DIR` gives:\n\n```\n(.*?)```", page, re.DOTALL
    )
    assert example[1] == "macro-tiny --columns 2 --beats 3"
    files = generate("macro-tiny", {"columns": 2}, beats=3, arithmetic="words")
    text = files["macro-tiny.vectors.txt"]
    assert text == example[2]
    words = [line for line in text.splitlines() if not line.startswith("//")]
    assert int(words[0], 16) == zlib.crc32("".join(f"{line}\n" for line in words[1:]).encode())
