"""A recurrent cell that attends before every step, in integers.

Letters: N steps, T keys, H states, A width of queries and keys, D width of the values. Each step:

1. query = h Wq, a product of codes of h, INT16 with the keys' fraction bits.
2. context = attention(query, key, value), additive or scaled dot, INT16 with the values' scale.
3. gates' = saturate(gates + context Wc), a product of codes of the context.
4. the cell's own step.

Keys come projected: they are made once per sentence, whatever the number of steps. The context's
scale is the values', since a mean of values leaves no range that they have.

Error: a step from a known state is within three codes of 8 bits, 3 / 127, of the real cell's state
and context with the weights as given: those of ``golden.ops.recurrent`` and of the attention.
"""

import numpy as np

from golden.integer import Integers, saturate
from golden.operator_spec import AdditiveAttentionSpec, AttentionRecurrentSpec
from golden.ops.additive_attention import additive_attention
from golden.ops.attention import attention
from golden.ops.recurrent import State, StateProduct, Step, gru_step, lstm_step, rnn_step

STEPS: dict[str, Step] = {"rnn": rnn_step, "gru": gru_step, "lstm": lstm_step}


def attention_recurrent(
    spec: AttentionRecurrentSpec,
    gates: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    *inputs: np.ndarray,
) -> tuple[Integers, ...]:
    """``(N, g H), (T, A), (T, D) -> (N, H), (N, D)``: states (h, and c of the LSTM) and contexts.

    ``inputs`` are, in order: the states before the first step, (H,) each; weight codes, multiplier
    and exponent offset of Wq, of Wc, of wh, and then bh for the GRU; what the attention reads after
    query, key and value, its mask (T,) last.
    """
    rest = list(inputs)
    state: State = tuple(np.ravel(rest.pop(0)) for _ in range(2 if spec.cell == "lstm" else 1))
    to_query = StateProduct(spec.recurrent, *(rest.pop(0) for _ in range(3)))
    to_gates = StateProduct(spec.recurrent, *(rest.pop(0) for _ in range(3)))
    recurrence = StateProduct(
        spec.recurrent, *(rest.pop(0) for _ in range(4 if spec.cell == "gru" else 3))
    )
    steps = []
    for x in gates:
        query = to_query(state[0])[None]  # (1, A)
        if isinstance(spec.attention, AdditiveAttentionSpec):
            context = additive_attention(spec.attention, query, key, value, *rest)[0]  # (D,)
        else:
            context = attention(spec.attention, query, key, value, *rest)[0]
        x = saturate(x + to_gates(context), 16)
        state = STEPS[spec.cell](spec.recurrent, recurrence, x, state)
        steps.append((*state, context))
    return tuple(np.stack(column) for column in zip(*steps, strict=True))
