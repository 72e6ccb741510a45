"""Blocks of the operators over rows, by name."""

from collections.abc import Mapping
from functools import partial

from golden.configs import ELEMENTWISE, LAYER_NORMS, RECURRENTS, RESIDUALS, ROW_SCALES, TABLES
from hw.catalog.block import DEFAULT, Block
from hw.catalog.rows import reference
from hw.catalog.rows.state_reference import state_beats
from hw.ops.activation import Activation
from hw.ops.affine import Affine
from hw.ops.embedding import Embedding
from hw.ops.layer_norm import LayerNorm
from hw.ops.multiply import Multiply
from hw.ops.plan import (
    ActivationPlan,
    AffinePlan,
    LanesPlan,
    LayerNormPlan,
    QuantizeRowsPlan,
    TableShape,
)
from hw.ops.quantize_rows import QuantizeRows
from hw.ops.residual_add import ResidualAdd
from hw.ops.state_lane import Cell
from hw.ops.state_update import StateUpdate

_LANES = {DEFAULT: LanesPlan()}
_SUMMARIES: dict[Cell, str] = {
    "rnn": "new states of an RNN from gates and products",
    "gru": "new states of a GRU from gates, products and old states",
    "lstm": "new states of an LSTM from gates, products and cells",
}


def _cell(cell: Cell) -> Block:
    return Block(
        summary=_SUMMARIES[cell],
        specs={
            name: spec for name, spec in RECURRENTS.items() if cell == "gru" or not spec.reset_after
        },
        plans=_LANES,
        create=lambda spec, plan: StateUpdate(spec, cell, plan),
        beats=partial(state_beats, cell),
    )


ROW_BLOCKS: Mapping[str, Block] = {
    "layer_norm": Block(
        summary="rows less their mean, by their spread, with gains and biases",
        specs=LAYER_NORMS,
        plans={DEFAULT: LayerNormPlan()},
        create=LayerNorm,
        beats=reference.layer_norm_beats,
    ),
    "quantize_rows": Block(
        summary="codes of rows, and what a code of each is worth",
        specs=ROW_SCALES,
        plans={DEFAULT: QuantizeRowsPlan()},
        create=QuantizeRows,
        beats=reference.quantize_beats,
    ),
    "activation": Block(
        summary="a function by a loadable table, of every element",
        specs=TABLES,
        plans={DEFAULT: ActivationPlan()},
        create=Activation,
        beats=reference.activation_beats,
    ),
    "residual_add": Block(
        summary="saturating sum of two tensors",
        specs=RESIDUALS,
        plans=_LANES,
        create=ResidualAdd,
        beats=reference.residual_beats,
    ),
    "multiply": Block(
        summary="product of two tensors, element by element, requantised",
        specs=ELEMENTWISE,
        plans=_LANES,
        create=Multiply,
        beats=reference.multiply_beats,
    ),
    "affine": Block(
        summary="a gain and a bias per column",
        specs=ELEMENTWISE,
        plans={DEFAULT: AffinePlan()},
        create=Affine,
        beats=reference.affine_beats,
    ),
    "embedding": Block(
        summary="rows of a loadable table by their numbers",
        specs={DEFAULT: TableShape()},
        plans=_LANES,
        create=Embedding,
        beats=reference.embedding_beats,
    ),
    **{cell: _cell(cell) for cell in _SUMMARIES},
}
