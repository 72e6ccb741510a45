"""Exported ONNX graphs against our own networks, by ONNX's reference evaluator."""

from dataclasses import replace

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator

from golden.models import minilm
from golden.models.onnx_export import bert_onnx, vit_onnx
from golden.networks.patches import PatchShape, patch_encoder
from golden.networks.run import run_real
from golden.networks.transformer import EncoderShape, sentence_encoder
from golden.networks.weights import random_weights

SHAPE = EncoderShape(layers=2, width=24, heads=3, feed_forward=40, vocabulary=60, positions=32)
PATCH = PatchShape(size=(12, 8), channels=2, kernel=(4, 4), stride=(4, 4), outputs=5)


@pytest.mark.parametrize(
    ("opset", "norm", "activation"),
    [(11, "post", "gelu"), (13, "pre", "relu"), (17, "post", "gelu")],
)
def test_an_exported_encoder_gives_our_embedding(opset: int, norm: str, activation: str) -> None:
    shape = replace(SHAPE, norm=norm, activation=activation)
    network = sentence_encoder("small", shape, random_weights(opset))
    model = ReferenceEvaluator(bert_onnx(shape, network.constants, "sentence_embedding", opset))
    rng = np.random.default_rng(opset)
    lengths = (7, 12)
    ids = rng.integers(0, shape.vocabulary, (2, 12))
    mask = (np.arange(12) < np.array(lengths)[:, None]).astype(np.int64)
    (batch,) = model.run(None, {"input_ids": ids, "attention_mask": mask})
    for row, length, found in zip(ids, lengths, batch, strict=True):
        ours = run_real(network, {"token_ids": row[:length]})["sentence"]
        np.testing.assert_allclose(found, ours, atol=1e-5)


def test_token_types_add_their_row() -> None:
    network = sentence_encoder("small", SHAPE, random_weights(3))
    table = np.random.default_rng(3).normal(size=(2, SHAPE.width))
    model = ReferenceEvaluator(bert_onnx(SHAPE, {**network.constants, "token_type.table": table}))
    ids = np.arange(9)[None]
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    (found,) = model.run(None, {**given, "token_type_ids": np.ones_like(ids)})
    moved = {**network.constants, "position.table": network.constants["position.table"] + table[1]}
    values = run_real(sentence_encoder("moved", SHAPE, moved), {"token_ids": ids[0]})
    np.testing.assert_allclose(found[0], values["layer.1.feed_forward.norm"], atol=1e-5)


@pytest.mark.parametrize("opset", [12, 17])
def test_an_exported_vision_transformer_gives_our_scores(opset: int) -> None:
    shape = replace(SHAPE, norm="pre", positions=PATCH.tokens)
    network = patch_encoder("small", PATCH, shape, random_weights(4))
    image = np.random.default_rng(5).normal(size=(2, *PATCH.size, PATCH.channels))
    model = ReferenceEvaluator(vit_onnx(PATCH, shape, network.constants, opset))
    pixels = image.transpose(0, 3, 1, 2).astype(np.float32)
    (found,) = model.run(None, {"pixel_values": pixels})
    ours = [run_real(network, {"input": x})["output"][0] for x in image]
    np.testing.assert_allclose(found, ours, atol=1e-5)


@pytest.mark.xdist_group("minilm")
def test_the_exported_sentence_encoder_is_the_released_one() -> None:
    network = minilm.real_network()
    ids = minilm.Tokenizer()("Rain fell on the roof of the old house.")
    model = ReferenceEvaluator(bert_onnx(minilm.SHAPE, network.constants))
    (found,) = model.run(
        None, {"input_ids": ids[None], "attention_mask": np.ones((1, len(ids)), np.int64)}
    )
    ours = run_real(network, {"token_ids": ids})["layer.5.feed_forward.norm"]
    np.testing.assert_allclose(found[0], ours, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "opset", "message"),
    [
        ({}, 18, "opset must be 11 to 17, not 18"),
        ({"activation": "tanh"}, 17, "must be 'gelu' or 'relu', not 'tanh'"),
        ({"kind": "linear"}, 17, "only plain softmax attention is exported"),
    ],
)
def test_what_is_not_exported_is_named(change: dict, opset: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bert_onnx(replace(SHAPE, **change), {}, opset=opset)
