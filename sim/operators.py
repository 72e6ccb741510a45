"""The operator table: one row per operator. A new operator is one line here and its row."""

from collections.abc import Mapping

from sim.row import Operator
from sim.rows.activation import ACTIVATION
from sim.rows.additive_attention import ADDITIVE_ATTENTION
from sim.rows.core import CORE
from sim.rows.elementwise import AFFINE, MULTIPLY, RESIDUAL_ADD
from sim.rows.embedding import EMBEDDING
from sim.rows.engine import ENGINE
from sim.rows.layer_norm import LAYER_NORM
from sim.rows.macro import MACRO
from sim.rows.pipelined_macro import PIPELINED_MACRO
from sim.rows.quantize_rows import QUANTIZE_ROWS
from sim.rows.requantize import REQUANTIZER
from sim.rows.softmax import MAX_FINDER, SOFTMAX, SOFTMAX_DIVIDER
from sim.rows.state_update import STATE_UPDATE
from sim.rows.stream import BUFFER, FORK, JOIN, QUEUE, ROW_BUFFER
from sim.rows.top_k import TOP_K

OPERATORS: Mapping[str, Operator] = {
    "buffer": BUFFER,
    "queue": QUEUE,
    "row_buffer": ROW_BUFFER,
    "fork": FORK,
    "join": JOIN,
    "macro": MACRO,
    "pipelined_macro": PIPELINED_MACRO,
    "core": CORE,
    "engine": ENGINE,
    "additive_attention": ADDITIVE_ATTENTION,
    "requantizer": REQUANTIZER,
    "layer_norm": LAYER_NORM,
    "quantize_rows": QUANTIZE_ROWS,
    "activation": ACTIVATION,
    "residual_add": RESIDUAL_ADD,
    "multiply": MULTIPLY,
    "affine": AFFINE,
    "embedding": EMBEDDING,
    "state_update": STATE_UPDATE,
    "max_finder": MAX_FINDER,
    "softmax": SOFTMAX,
    "softmax_divider": SOFTMAX_DIVIDER,
    "top_k": TOP_K,
}


def operator(name: str) -> Operator:
    """Return the row ``name``; raise ``ValueError`` naming the known ones."""
    if name not in OPERATORS:
        raise ValueError(f"no operator {name!r}: use one of {', '.join(OPERATORS)}")
    return OPERATORS[name]
