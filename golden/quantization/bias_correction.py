"""Bias correction: the mean error of every operator with a bias moves into that bias.

Rounding of weights and codes shifts the mean of an operator's outputs. Over the calibration samples
that shift is measured operator by operator, in order, each with all earlier ones corrected already.

Source: Nagel et al., Data-free quantization through weight equalization and bias correction, 2019.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from golden.graph import Graph, Operator
from golden.networks.run import call_integer, quantize_inputs, run_real
from golden.quantization.calibration import bias_codes
from golden.spec import RequantizeSpec

# Kind of operator -> which of its inputs is the bias.
BIAS_INPUT = {"linear": 4, "layer_norm": 2, "affine": 3}


def correct_biases(real: Graph, integer: Graph, samples: Iterable[Mapping[str, Any]]) -> Graph:
    """The integer network with corrected biases; operators of both graphs have the same names."""
    samples = list(samples)
    corrected = [o for o in integer.operators if o.kind in BIAS_INPUT]
    targets = [_targets(real, sample, corrected) for sample in samples]
    states = [{**integer.constants, **quantize_inputs(integer, sample)} for sample in samples]
    constants = dict(integer.constants)
    last_reader = {name: o.name for o in integer.operators for name in o.inputs}
    for operator in integer.operators:
        for state in states:
            call_integer(operator, state)
        if operator.kind in BIAS_INPUT:
            name, scale = operator.name, integer.tensors[operator.name].scale
            bias = operator.inputs[BIAS_INPUT[operator.kind]]
            errors = [
                (target[name] / scale - state[name]).reshape(-1, target[name].shape[-1])
                for target, state in zip(targets, states, strict=True)
            ]
            shift = np.concatenate(errors).mean(axis=0)  # (M,), in output integers
            spec = requantize_spec(operator)
            constants[bias] = constants[bias] + bias_codes(spec, shift, 1.0)
            for state in states:
                state[bias] = constants[bias]
                call_integer(operator, state)
        for state in states:
            for name in operator.inputs:
                if last_reader[name] == operator.name:
                    state.pop(name, None)
    return replace(integer, constants=constants)


def requantize_spec(operator: Operator) -> RequantizeSpec:
    """How an operator rounds its result."""
    spec = operator.spec
    return spec if isinstance(spec, RequantizeSpec) else spec.requantize


def _targets(
    real: Graph, sample: Mapping[str, Any], operators: Iterable[Operator]
) -> dict[str, np.ndarray]:
    values = run_real(real, sample)
    return {operator.name: values[operator.name] for operator in operators}
