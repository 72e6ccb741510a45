"""An ONNX encoder in floats as a real network of ours, ready for ``golden.quantize``.

Files of opset 11 and later, as exporters of PyTorch write them: encoders of the BERT family with
``input_ids``, and ViT with ``pixel_values``. A padding mask is left out: our networks see one
sentence at a time. Weights that are stored in integers and scaled in the graph are floats here.
"""

import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from golden.graph import Graph
from golden.networks.builder import GraphBuilder
from golden.networks.layers import Layers

if TYPE_CHECKING:
    from onnx import ModelProto

    from golden.models.onnx_import.walk import Fault

OLDEST = 11
# Lengths of a sentence with which the file is read; what they give must not differ.
PROBES = (23, 29)
PREFERRED = ("sentence_embedding", "last_hidden_state", "logits")
LENGTHS = {"num_channels": 3, "channels": 3, "height": 224, "width": 224}

REMEDIES = {
    **dict.fromkeys(
        ("DynamicQuantizeLinear", "MatMulInteger", "QLinearMatMul", "QuantizeLinear",
         "DequantizeLinear"),
        "the file is quantised already: import the float file that it was made of",
    ),
    "Reshape": "export it with dynamic axes, or give the lengths with which it was exported",
    **dict.fromkeys(("If", "Loop", "Scan"), "export with fixed control flow (torch.jit.trace)"),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), "write recurrent networks with golden.networks"),
}  # fmt: skip


def read_onnx(path: Path) -> "ModelProto":
    """The model of a file, functions of its own written out."""
    if importlib.util.find_spec("onnx") is None:
        raise ValueError("reading ONNX files needs onnx: run `pip install --no-deps onnx`")
    import onnx
    from onnx.inliner import inline_local_functions

    if not path.is_file():
        raise ValueError(f"{path} is no file: name an ONNX model")
    try:
        model = onnx.load(path)
        onnx.checker.check_model(path)
    except Exception as error:
        raise ValueError(f"{path} is no ONNX model: {str(error).splitlines()[0]}") from None
    model = inline_local_functions(model) if model.functions else model
    for node in model.graph.node:
        if node.op_type == "Dropout":
            # Some files say by a second and third input that they are still trained.
            del node.input[1:]
    return model


def import_onnx(
    model: "ModelProto",
    output: str | None = None,
    lengths: Mapping[str, int] | None = None,
    pool: bool = False,
) -> Graph:
    """The real network of a model: ``token_ids`` (tokens,) or ``input`` (height, width, channels).

    ``output`` names one of the file's outputs; without it the sentence's embedding is taken, or the
    last hidden state, or the first of floats. ``pool`` adds the unit vector of the tokens' mean.
    ``lengths`` are those of named dimensions that the file leaves open, such as an image's.
    """
    from golden.models.onnx_import import arithmetic, layout, products
    from golden.models.onnx_import.walk import Walk

    rules = {**layout.RULES, **arithmetic.RULES, **products.RULES}
    version = max((o.version for o in model.opset_import if o.domain in {"", "ai.onnx"}), default=0)
    if version < OLDEST:
        raise ValueError(f"its opset is {version}: export it again with {OLDEST} or later")
    name = choose_output(model, output)
    walks = []
    for tokens in PROBES:
        walk = Walk(model, rules, tokens, {**LENGTHS, **(lengths or {})})
        results = walk.run(model.graph, [name])
        if walk.faults:
            raise ValueError(_faults(walk.faults))
        last = pooled(walk.emit.graph, results[0].name) if pool else results[0].name
        walks.append(walk.emit.finish(last))
    first, second = walks
    _require_equal(first, second)
    return first


def choose_output(model: "ModelProto", output: str | None) -> str:
    """The name of the output that is imported."""
    from onnx import TensorProto

    names = [
        x.name for x in model.graph.output if x.type.tensor_type.elem_type == TensorProto.FLOAT
    ]
    if output is not None and output not in names:
        raise ValueError(f"the file has no output {output!r} of floats: choose one of {names}")
    if not names:
        raise ValueError("the file has no output of floats: import an encoder")
    return output or next((name for name in PREFERRED if name in names), names[0])


def pooled(graph: GraphBuilder, hidden: str) -> str:
    """The unit vector of the mean over the rows of ``hidden``."""
    if len(graph.tensors[hidden].shape) != 2:
        raise ValueError(f"output {hidden!r} is one vector already: import it without pooling")
    width = graph.tensors[hidden].shape[-1:]
    mean = graph.apply("mean_pool", "pooled", hidden, shape=width)
    return Layers(graph, {}).same("l2_normalize", "sentence", mean)


def _faults(faults: Sequence["Fault"]) -> str:
    """One sentence, then a line for each kind of node and reason."""
    counts = Counter((fault.kind, fault.reason) for fault in faults)
    lines = [f"{len(faults)} nodes of the file are not understood:"]
    for (kind, reason), count in counts.items():
        first = next(f.name for f in faults if (f.kind, f.reason) == (kind, reason))
        remedy = REMEDIES.get(
            kind, "export it otherwise, or add a rule to golden.models.onnx_import"
        )
        lines.append(f"  {count} x {kind}, first {first!r}: {reason}; {remedy}")
    return "\n".join(lines)


def _require_equal(first: Graph, second: Graph) -> None:
    """Two lengths of a sentence must give one network."""
    same = first.operators == second.operators and first.tensors == second.tensors
    if not same or any(
        not np.array_equal(x, second.constants[name]) for name, x in first.constants.items()
    ):
        raise ValueError(
            "the network's constants depend on the number of tokens: export it with a fixed length"
        )
