"""Imported ONNX encoders against our own networks, ONNX's evaluator and PyTorch's exporter."""

import importlib.util
import io
import json
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from onnx import ModelProto, NodeProto, TensorProto, helper

from golden.__main__ import main
from golden.graph import Graph
from golden.models import minilm
from golden.models.onnx_export import bert_onnx, vit_onnx
from golden.models.onnx_import.compare import largest_difference
from golden.models.onnx_import.read import import_onnx, read_onnx
from golden.models.onnx_import.values import (
    Digit,
    Dimensions,
    NotUnderstood,
    regroup,
    shape,
    whole,
)
from golden.networks.file import load_network
from golden.networks.patches import PatchShape, patch_encoder
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.networks.transformer import EncoderShape, sentence_encoder
from golden.networks.weights import random_weights
from golden.quantize import quantize_network

SHAPE = EncoderShape(layers=2, width=24, heads=3, feed_forward=40, vocabulary=60, positions=48)
PATCH = PatchShape(size=(12, 8), channels=2, kernel=(4, 4), stride=(4, 4), outputs=5)
SENTENCES = [{"token_ids": np.random.default_rng(n).integers(0, 60, n)} for n in (1, 6, 48)]


def small(**changes: object) -> tuple[EncoderShape, Graph]:
    encoder = replace(SHAPE, **changes)
    return encoder, sentence_encoder("small", encoder, random_weights(7))


def kinds(graph: Graph) -> Counter[str]:
    return Counter(operator.kind for operator in graph.operators)


def cosine(graph: Graph, integer: Graph, sample: dict[str, np.ndarray]) -> float:
    name = graph.outputs[0]
    x = run_real(graph, sample)[name].ravel()
    y = run_integer(integer, quantize_inputs(integer, sample))[name].ravel().astype(float)
    return x @ y / np.linalg.norm(x) / np.linalg.norm(y)


@pytest.mark.parametrize(
    ("opset", "changes"),
    [
        (11, {}),
        (12, {"norm": "pre", "activation": "relu"}),
        (14, {"heads": 1}),
        (17, {"layers": 1}),
    ],
)
def test_an_imported_encoder_is_ours(opset: int, changes: dict[str, object]) -> None:
    encoder, ours = small(**changes)
    model = bert_onnx(encoder, ours.constants, "sentence_embedding", opset)
    found = import_onnx(model)
    assert kinds(found) == kinds(ours)
    for sample in SENTENCES:
        x, y = (run_real(graph, sample)[graph.outputs[0]] for graph in (ours, found))
        np.testing.assert_allclose(y, x, atol=1e-5)
    assert largest_difference(model, found, SENTENCES) < 1e-5


@pytest.mark.parametrize("opset", [11, 17])
def test_token_types_join_the_words_and_pooling_may_be_added(opset: int) -> None:
    encoder, ours = small()
    weights = {**ours.constants, "token_type.table": np.random.default_rng(1).normal(size=(2, 24))}
    model = bert_onnx(encoder, weights, opset=opset)
    found = import_onnx(model)
    assert largest_difference(model, found, SENTENCES) < 1e-5
    pooled = import_onnx(model, pool=True)
    assert kinds(pooled) == kinds(ours)
    hidden = run_real(found, SENTENCES[1])[found.outputs[0]].mean(axis=0)
    vector = run_real(pooled, SENTENCES[1])["sentence"]
    np.testing.assert_allclose(vector, hidden / np.linalg.norm(hidden), atol=1e-6)


def test_positions_may_start_later_and_scores_have_another_scale() -> None:
    """RoBERTa's tables have rows for padding first; some encoders do not divide by sqrt(d)."""
    encoder, ours = small()
    model = bert_onnx(encoder, ours.constants)
    arrays = {x.name: onnx.numpy_helper.to_array(x) for x in model.graph.initializer}
    places = next(x for x in model.graph.initializer if arrays[x.name].shape == (1, 48))
    scales = [
        x for x in model.graph.initializer if np.array_equal(arrays[x.name], np.float32(8**0.5))
    ]
    assert len(scales) == encoder.layers
    later = np.minimum(arrays[places.name] + 2, 47)
    places.CopyFrom(onnx.numpy_helper.from_array(later, places.name))
    for scale in scales:
        scale.CopyFrom(onnx.numpy_helper.from_array(np.float32(2), scale.name))
    found = import_onnx(model)
    assert {o.spec["scale"] for o in found.operators if o.kind == "attention"} == {0.5}
    assert largest_difference(model, found, SENTENCES[:2]) < 1e-5
    integer = quantize_network(found, SENTENCES[:2])
    assert cosine(found, integer, SENTENCES[1]) > 0.99


@pytest.mark.parametrize("opset", [11, 17])
def test_an_imported_vision_transformer_is_ours(opset: int) -> None:
    encoder = replace(SHAPE, norm="pre", positions=PATCH.tokens)
    ours = patch_encoder("small", PATCH, encoder, random_weights(4))
    model = vit_onnx(PATCH, encoder, ours.constants, opset)
    found = import_onnx(model)
    assert kinds(found) == kinds(ours)
    rng = np.random.default_rng(5)
    images = [{"input": rng.normal(size=(12, 8, 2)).astype(np.float32)} for _ in range(6)]
    for image in images:
        x, y = (run_real(graph, image)[graph.outputs[0]] for graph in (ours, found))
        np.testing.assert_allclose(y, x, atol=1e-5)
    assert largest_difference(model, found, images) < 1e-5
    integer = quantize_network(found, images[:5])
    assert cosine(found, integer, images[5]) > 0.99


@pytest.mark.xdist_group("minilm")
def test_the_released_encoder_survives_export_and_import() -> None:
    model = bert_onnx(minilm.SHAPE, minilm.real_network().constants, "sentence_embedding")
    found = import_onnx(model)
    ids = minilm.Tokenizer()("Rain fell on the roof of the old house.")
    vector = run_real(found, {"token_ids": ids})[found.outputs[0]]
    np.testing.assert_allclose(vector, minilm.embed_real(ids), atol=1e-5)
    assert largest_difference(model, found, [{"token_ids": ids}]) < 1e-5


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("opset", [14, 17])
def test_pytorch_s_own_encoder_by_its_own_exporter(
    norm_first: bool, opset: int, package: Callable[[str], ModuleType]
) -> None:
    """Queries, keys and values are one product there, and rows stand before the batch."""
    torch = package("torch")
    torch.manual_seed(opset)
    settings = {"activation": "gelu", "batch_first": True, "norm_first": norm_first}
    layer = torch.nn.TransformerEncoderLayer(32, 4, 48, **settings)
    encoder = torch.nn.Sequential(
        torch.nn.Embedding(60, 32),
        torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
    ).eval()
    for weight in encoder.parameters():
        weight.data += 0.1 * torch.randn_like(weight)
    ids, file = torch.arange(9)[None], io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            encoder, (ids,), file, input_names=["input_ids"], opset_version=opset, dynamo=False
        )
    model = onnx.load_from_string(file.getvalue())
    found = import_onnx(model)
    assert kinds(found)["attention"] == 2
    assert kinds(found)["linear"] == 2 * 6
    result = run_real(found, {"token_ids": ids[0].numpy()})[found.outputs[0]]
    theirs = encoder(ids)[0].detach().numpy()
    np.testing.assert_allclose(result, theirs, atol=1e-5)


def with_last(model: ModelProto, *nodes: NodeProto) -> ModelProto:
    """The model with nodes between its last hidden state, ``hidden``, and its output."""
    last = model.graph.node[-1]
    last.output[0] = "hidden"
    model.graph.node.extend(nodes)
    model.graph.node[-1].output[0] = model.graph.output[0].name
    return model


def node(kind: str, *inputs: str, output: str = "x", **attributes: object) -> NodeProto:
    return helper.make_node(kind, inputs, [output], f"/{kind}", **attributes)


def constant(name: str, array: np.ndarray) -> NodeProto:
    value = onnx.numpy_helper.from_array(array, name)
    return helper.make_node("Constant", [], [name], value=value)


QUICK = [
    constant("k", np.array(1.702, np.float32)),
    node("Mul", "hidden", "k", output="a"),
    node("Sigmoid", "a", output="b"),
    node("Mul", "hidden", "b", output="c"),
    constant("w", np.eye(24, dtype=np.float32)),
    node("MatMul", "c", "w"),
]
WAYS = [constant("ways", np.arange(23 * 24, dtype=np.float32).reshape(1, 23, 24))]


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([node("Sin", "hidden")], r"1 x Sin, first '/Sin': it has no form in our operators"),
        ([node("Gelu", "hidden", domain="com.microsoft")], "before its optimiser"),
        ([node("DynamicQuantizeLinear", "hidden")], "import the float file that it was made of"),
        ([node("Softmax", "hidden", axis=-1)], "no softmax between two products of an attention"),
        ([node("ReduceMean", "hidden", axes=[1, 2])], "it reduces more axes than one"),
        ([node("Mul", "hidden", "hidden", output="a"), node("ReduceSum", "a")], "more axes"),
        (QUICK, r"the function that '/Mul' ends is none of gelu"),
        ([*WAYS, node("Add", "hidden", "ways")], "differ from token to token|29 tokens"),
        (
            [constant("s", np.array([1, 7, 24])), node("Reshape", "hidden", "s")],
            "23 tokens .*export it with dynamic axes",
        ),
        ([node("Transpose", "hidden", perm=[0, 2, 1])], "columns are not its last axis"),
    ],
)
def test_what_is_not_understood_is_listed(nodes: list[NodeProto], message: str) -> None:
    encoder, ours = small(layers=1)
    model = with_last(bert_onnx(encoder, ours.constants), *nodes)
    with pytest.raises(ValueError, match=f"(?s)not understood:.*{message}"):
        import_onnx(model)


def test_every_kind_of_fault_has_its_line_and_its_count() -> None:
    encoder, ours = small(layers=1)
    model = bert_onnx(encoder, ours.constants)
    ends = [node("Sin", "hidden", output="a"), node("Sin", "hidden", output="b"),
            node("Cos", "hidden", output="c"), node("Add", "a", "b", output="d"),
            node("Add", "d", "c")]  # fmt: skip
    with pytest.raises(ValueError, match="3 nodes of the file") as error:
        import_onnx(with_last(model, *ends))
    lines = str(error.value).splitlines()
    assert [line.split(",")[0].strip() for line in lines[1:]] == ["2 x Sin", "1 x Cos"]


def test_constants_must_not_depend_on_the_length() -> None:
    encoder, ours = small(layers=1)
    model = with_last(
        bert_onnx(encoder, ours.constants),
        node("Shape", "hidden", output="sizes"),
        constant("one", np.array(1)),
        node("Gather", "sizes", "one", output="length"),
        node("Cast", "length", output="count", to=TensorProto.FLOAT),
        node("Mul", "hidden", "count"),
    )
    with pytest.raises(ValueError, match="constants depend on the number of tokens"):
        import_onnx(model)


def test_a_vector_is_not_pooled_again() -> None:
    encoder, ours = small(layers=1)
    with pytest.raises(ValueError, match="is one vector already: import it without pooling"):
        import_onnx(bert_onnx(encoder, ours.constants, "sentence_embedding"), pool=True)


def test_scores_take_a_causal_mask_and_no_other() -> None:
    encoder, ours = small(layers=1)
    for bias, causal in ((np.triu(np.full((48, 48), -1e9), 1), True), (np.eye(48), False)):
        model = bert_onnx(encoder, ours.constants)
        model.graph.input[1].type.tensor_type.shape.dim[1].dim_value = 48
        model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 48
        add = next(n for n in model.graph.node if n.output[0] in _softmax_inputs(model))
        model.graph.initializer.append(
            onnx.numpy_helper.from_array(bias.astype(np.float32), "bias")
        )
        add.input[1] = "bias"
        if causal:
            found = import_onnx(model)
            assert [o.spec["causal"] for o in found.operators if o.kind == "attention"] == [True]
            assert largest_difference(model, found, SENTENCES[2:]) < 1e-5
        else:
            with pytest.raises(ValueError, match="neither a padding mask nor a causal one"):
                import_onnx(model)


def _softmax_inputs(model: ModelProto) -> set[str]:
    return {n.input[0] for n in model.graph.node if n.op_type == "Softmax"}


def test_wrong_files_and_outputs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, ours = small(layers=1)
    model = bert_onnx(encoder, ours.constants)
    with pytest.raises(ValueError, match="no output 'logits' of floats: choose one of"):
        import_onnx(model, "logits")
    model.opset_import[0].version = 10
    with pytest.raises(ValueError, match="its opset is 10: export it again with 11 or later"):
        import_onnx(model)
    with pytest.raises(ValueError, match="is no file: name an ONNX model"):
        read_onnx(tmp_path / "none.onnx")
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"broken\.onnx is no ONNX model"):
        read_onnx(broken)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match="needs onnx: run `pip install --no-deps onnx`"):
        read_onnx(broken)


def test_inputs_that_are_no_encoder_s_are_named() -> None:
    encoder, ours = small(layers=1)
    model = bert_onnx(encoder, ours.constants)
    model.graph.input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    with pytest.raises(ValueError, match="'input_ids' of float32 and 2 dimensions is neither"):
        import_onnx(model)


def test_an_open_image_size_must_be_given() -> None:
    encoder = replace(SHAPE, norm="pre", positions=PATCH.tokens)
    ours = patch_encoder("small", PATCH, encoder, random_weights(4))
    model = vit_onnx(PATCH, encoder, ours.constants)
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "rows"
    with pytest.raises(ValueError, match="leaves its dimensions rows open: give their lengths"):
        import_onnx(model)
    assert import_onnx(model, lengths={"rows": 12}).tensors["input"].shape == (12, 8, 2)


def indices(dimensions: Dimensions, columns: int) -> np.ndarray:
    """The place in our rows and columns of every number that ONNX sees."""
    strides = {"rows": columns, "columns": 1}
    digits = [digit for group in dimensions for digit in group]
    total = np.zeros([digit.size for digit in digits], int)
    for axis, digit in enumerate(digits):
        size = [1] * total.ndim
        size[axis] = digit.size
        total += np.arange(digit.size).reshape(size) * digit.stride * strides[digit.axis]
    return total.reshape(shape(dimensions))


def test_digits_follow_reshapes_and_transposes() -> None:
    dimensions: Dimensions = ((), whole("rows", 5), whole("columns", 24))
    array = np.arange(5 * 24).reshape(1, 5, 24)
    steps = [
        (1, 5, 3, 8),
        (0, 2, 1, 3),
        (3, 5, 8),
        (1, 2, 0),
        (5, 4, 2, 3),
        (0, 3, 1, 2),
        (5, 1, 24),
    ]
    for index, step in enumerate(steps):
        if index % 2:
            array, dimensions = array.transpose(step), tuple(dimensions[axis] for axis in step)
        else:
            array, dimensions = array.reshape(step), regroup(dimensions, step)
        assert shape(dimensions) == array.shape
        assert (indices(dimensions, 24) == array).all()
    assert dimensions == (whole("rows", 5), (), whole("columns", 24))
    with pytest.raises(NotUnderstood, match="it cuts columns of 24 into parts of 7"):
        regroup((whole("columns", 24),), (7, 24))
    assert regroup((whole("rows", 6),), (2, 3)) == ((Digit("rows", 3, 2),), (Digit("rows", 1, 3),))


@pytest.mark.xdist_group("minilm")
def test_the_command_imports_compares_and_saves(tmp_path: Path) -> None:
    encoder, ours = small(layers=1, vocabulary=30522)
    file, text = tmp_path / "small.onnx", tmp_path / "text.txt"
    onnx.save(bert_onnx(encoder, ours.constants), file)
    text.write_text("\n".join(minilm.sentences()[:12]))
    saved, figures = tmp_path / "small.safetensors", tmp_path / "figures.json"
    arguments = ["import", str(file), "--pool", "--json", str(figures)]
    result = CliRunner().invoke(main, [*arguments, "--text", str(text), "--output", str(saved)])
    assert result.exit_code == 0, result.output
    found = json.loads(figures.read_text())
    assert found["attention_operators"] == 1
    assert found["difference"] < 1e-5
    assert found["measured"] == 3
    assert found["cosine_min"] > 0.99
    network = load_network(saved)
    ids = {"token_ids": minilm.Tokenizer()("Rain fell on the roof.")}
    vector = run_integer(network, ids)["sentence"] * network.tensors["sentence"].scale
    assert vector @ run_real(ours, ids)["sentence"] > 0.99


def test_the_command_names_what_is_wrong(tmp_path: Path) -> None:
    encoder, ours = small(layers=1)
    file, samples = tmp_path / "small.onnx", tmp_path / "samples.npz"
    onnx.save(bert_onnx(encoder, ours.constants), file)
    np.savez(samples, first=np.array([1, 60]))
    for arguments, message in (
        (["--output", "x"], "--output needs --text or --samples"),
        (["--length", "height"], "--length must be NAME=NUMBER, not 'height'"),
        (["--samples", str(samples)], "token 60 is beyond the vocabulary of 60"),
        (["--samples", str(tmp_path / "none")], "is no file: --samples must name an .npz"),
        (["--text", str(tmp_path / "none")], "is no file: --text must name one"),
    ):
        result = CliRunner().invoke(main, ["import", str(file), *arguments])
        assert result.exit_code == 1
        assert message in " ".join(result.output.split())
