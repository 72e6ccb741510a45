"""The attention engine and additive attention by name."""

from collections.abc import Mapping

from golden.configs import ADDITIVE_ATTENTIONS, ENGINES
from hw.catalog.attention.additive_reference import additive_beats
from hw.catalog.attention.engine_reference import engine_beats
from hw.catalog.block import DEFAULT, Block
from hw.engine.engine import Engine
from hw.engine.plan import EnginePlan
from hw.ops.additive_attention import AdditiveAttention
from hw.ops.additive_plan import AdditiveAttentionPlan

ATTENTION_BLOCKS: Mapping[str, Block] = {
    "engine": Block(
        summary="attention engine: scores, softmax and context of heads on one array",
        specs=ENGINES,
        plans={
            DEFAULT: EnginePlan(),
            "head-32": EnginePlan(head_size=32),
            "head-128": EnginePlan(head_size=128),
            "small": EnginePlan(head_size=8, lanes=4, rows=16, longest=64, output_lanes=1),
        },
        create=Engine,
        beats=engine_beats,
        require=lambda spec, plan: plan.require(spec),
    ),
    "additive_attention": Block(
        summary="additive attention of one query at a time on vector lanes",
        specs=ADDITIVE_ATTENTIONS,
        plans={
            DEFAULT: AdditiveAttentionPlan(),
            "32-4": AdditiveAttentionPlan(lanes=32, output_lanes=4),
            "small": AdditiveAttentionPlan(lanes=4, output_lanes=2, width=11, depth=10, longest=32),
        },
        create=AdditiveAttention,
        beats=additive_beats,
        require=lambda spec, plan: plan.require(spec),
    ),
}
