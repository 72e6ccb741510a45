"""Encoder-decoder whose decoder attends after its cell: no context enters the recurrence.

Letters: T source tokens, N target tokens, H states, V vocabulary.

    h_t  = [forward GRU, backward GRU] of word[source_t]     key k_t = h_t Wk + b, (T, H)
    s_n  = GRU(word[target_n], s_(n-1))                      (N, H), from the input ``start``
    c_n  = softmax_t(energy . tanh(s_n + k_t)) k             the keys are the values
    o_n  = softmax([s_n, c_n] Wo + b)                        (N, V), Wo in two parts

Source: Luong et al., Effective approaches to attention-based neural machine translation, 2015, with
the scores of Bahdanau et al., 2015, as Keras' ``AdditiveAttention`` has them.
"""

from collections.abc import Mapping

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.layers import Layers


def late_attention(name: str, weights: Mapping[str, np.ndarray]) -> Graph:
    """``source_ids``, ``start`` (1, H) and ``target_ids`` to probabilities, (N, V).

    Every key counts: a source is padded as the network was trained.
    """
    graph = GraphBuilder(name)
    layers = Layers(graph, weights)
    source = graph.input("source_ids", ("source",))
    states = len(weights["decoder.0.state.weight"])
    start = graph.input("start", (1, states))
    target = graph.input("target_ids", ("target",))

    hidden = layers.lookup("encoder.word", source)
    hidden = layers.bidirectional("encoder.0", hidden, "gru", reset_after=True)
    key = layers.linear("decoder.key", hidden)

    x = layers.lookup("decoder.word", target)
    state = layers.recurrent("decoder.0", x, "gru", start, reset_after=True)
    # Queries have the keys' scale, states their own.
    query = layers.same("rescale", "decoder.query", state)
    energy = layers.constant("decoder.energy", (states,))
    context = layers.same("additive_attention", "decoder.context", query, key, key, energy)
    # Each part has row scales of its own, so that neither takes the other's precision.
    logits = layers.add(
        "logits",
        layers.linear("logits.state", state),
        layers.linear("logits.context", context, bias=False),
    )
    return graph.finish(layers.same("softmax", "probabilities", logits))
