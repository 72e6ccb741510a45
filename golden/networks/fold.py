"""Embeddings that only linears read become those linears' results, one row for each token.

    table'[v] = table[v] W + b        so that        linear(embedding(ids)) = embedding'(ids)

Exact in real numbers. In integers it spares a product and its rounding: rows of INT16 come from a
table.
"""

from dataclasses import replace

import numpy as np

from golden.graph import Graph


def fold_embeddings(graph: Graph) -> Graph:
    """The real network with every embedding folded into its linears, names kept.

    An embedding stays that something else reads too, or that is an output.
    """
    constants = dict(graph.constants)
    tensors = dict(graph.tensors)
    operators = list(graph.operators)
    for embedding in graph.operators:
        readers = [o for o in graph.operators if embedding.name in o.inputs]
        if embedding.kind != "embedding" or embedding.name in graph.outputs:
            continue
        if any(operator.kind != "linear" for operator in readers):
            continue
        ids, table = embedding.inputs
        for reader in readers:
            _, weight, bias = reader.inputs
            name = f"{reader.name}.table"
            constants[name] = np.asarray(constants[table] @ constants[weight] + constants[bias])
            at = operators.index(reader)
            operators[at] = replace(reader, kind="embedding", inputs=(ids, name))
        operators.remove(embedding)
        del tensors[embedding.name]
    read = {name for operator in operators for name in operator.inputs}
    return replace(
        graph,
        constants={name: x for name, x in constants.items() if name in read},
        tensors=tensors,
        operators=tuple(operators),
    )
