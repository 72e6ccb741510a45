"""The attention engine by name."""

from collections.abc import Mapping

from golden.configs import ENGINES
from hw.catalog.block import DEFAULT, Block
from hw.catalog.engine.reference import engine_beats
from hw.engine.engine import Engine
from hw.engine.plan import EnginePlan

ENGINE_BLOCKS: Mapping[str, Block] = {
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
}
