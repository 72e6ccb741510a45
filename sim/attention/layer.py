"""Attention of a real encoder layer on the engine's RTL."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from golden.integer import RowScale
from golden.models import minilm
from golden.networks.run import run_integer
from golden.operator_spec import AttentionSpec
from golden.ops.attention import AttentionSteps, attention_steps
from hw.engine.plan import EnginePlan
from sim.attention.jobs import Job, operand_fields, result_fields
from sim.attention.utilisation import OPERANDS, blocks, build_engine
from sim.beats import pack
from sim.row import require_equal

KEY_BLOCK = 32


@dataclass(frozen=True, kw_only=True)
class LayerAttention:
    """What the engine took for all heads of all sentences of one layer."""

    layer: int
    heads: int
    tokens: list[int]
    cycles: int
    ideal: int
    seconds: float

    @property
    def share(self) -> float:
        """Useful products of those that the array could have made."""
        return self.ideal / self.cycles


def layer_jobs(sentences: Sequence[str], layer: int = 0) -> tuple[list[Job], list[np.ndarray]]:
    """Every head of every sentence as jobs, and golden's contexts of each, (N, d)."""
    network, tokenizer = minilm.integer_network(), minilm.Tokenizer()
    operator = {one.name: one for one in network.operators}[f"layer.{layer}.attention"]
    jobs, contexts = [], []
    for sentence in sentences:
        values = {**network.constants, **run_integer(network, {"token_ids": tokenizer(sentence)})}
        inputs = [values[name] for name in operator.inputs]
        spec = replace(operator.spec, key_block=KEY_BLOCK)
        steps = attention_steps(spec, *inputs)
        rows = blocks(len(inputs[0]), EnginePlan().rows)
        for head in range(spec.heads):
            bits = spec.probability_bits
            jobs += [_job(steps, inputs, head, part, bits) for part in rows]
            contexts += [steps.context[head][part] for part in rows]
    return jobs, contexts


def run_attention(sentences: Sequence[str], layer: int = 0) -> LayerAttention:
    """Run a layer's attention in Verilator; raise ``Mismatch`` unless every bit is golden's."""
    jobs, contexts = layer_jobs(sentences, layer)
    head_size = jobs[0].query.shape[1]
    spec, plan = AttentionSpec(heads=1, key_block=KEY_BLOCK), EnginePlan(head_size=head_size)
    simulator = build_engine(spec, plan)
    ports, fields = simulator.ports, operand_fields(spec, plan, jobs)
    expected = result_fields(plan, contexts)
    result = simulator.run(
        {name: pack(ports[name].shape, fields[name]) for name in OPERANDS},
        {"o": len(expected["last"])},
    )
    require_equal("o", result.beats["o"], pack(ports["o"].shape, expected))
    first = min(int(result.offered[name][0]) for name in OPERANDS)
    macs = sum(2 * job.query.size * len(job.key) for job in jobs)
    tokens = [len(minilm.Tokenizer()(sentence)) for sentence in sentences]
    return LayerAttention(
        layer=layer,
        heads=len(contexts),
        tokens=tokens,
        cycles=int(result.cycles["o"][-1]) - first + 1,
        ideal=-(-macs // (plan.lanes * spec.key_block)),
        seconds=result.seconds,
    )


def _job(steps: AttentionSteps, inputs: list[np.ndarray], head: int, rows: slice, bits: int) -> Job:
    score_multiplier, context_multiplier, offsets = inputs[5:8]
    scale = steps.query_scale
    return Job(
        query=steps.query[head][rows],
        scale=RowScale(scale.mantissa[head][rows], scale.exponent[head][rows]),
        key=steps.key[head],
        value=steps.value[head],
        mask=np.ones(len(steps.key[head]), bool),
        causal=False,
        position=0,
        probability_bits=bits,
        score_multiplier=int(score_multiplier[head]),
        context_multiplier=int(context_multiplier[head]),
        context_offset=int(offsets[1]),
    )
