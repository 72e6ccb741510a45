"""Published networks by name, without their weights: to count operators, products and bytes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from golden.graph import Graph
from golden.networks.clip import CLIP, CLIP_OUTPUTS, IMAGEBIND, IMAGEBIND_OUTPUTS, embed
from golden.networks.keyword import (
    ATT_RNN,
    MHATT_RNN,
    attention_rnn,
    keyword_transformer,
    kwt_shape,
)
from golden.networks.patches import PatchShape, patch_encoder
from golden.networks.question_answering import BASELINES, AnswerShape
from golden.networks.transformer import EncoderShape
from golden.networks.vision_language import VILBERT, VisualBertShape, vilbert, visual_bert
from golden.networks.weights import empty_weights

BERT = EncoderShape(
    layers=12, width=768, heads=12, feed_forward=3072, vocabulary=30522, positions=512
)
VIT_PATCHES = PatchShape(
    size=(224, 224), channels=3, kernel=(16, 16), stride=(16, 16), outputs=1000
)
VIT = replace(BERT, positions=VIT_PATCHES.tokens, epsilon=1e-6, norm="pre")

# About the published sizes: answers, states and features are the papers', vocabularies are round.
ANSWERS = {
    "bag_of_words": AnswerShape(
        vocabulary=5746, word=1024, features=1024, states=1024, answers=5216
    ),
    "convolutional": AnswerShape(vocabulary=8000, word=50, features=4096, states=400, answers=969),
    "every_word": AnswerShape(vocabulary=8000, word=300, features=1024, states=512, answers=969),
    "pointwise": AnswerShape(vocabulary=12603, word=300, features=4096, states=512, answers=1000),
    "spatial_attention": AnswerShape(
        vocabulary=3000, word=512, features=512, states=512, answers=3000
    ),
    "stacked_attention": AnswerShape(
        vocabulary=13000, word=500, features=512, states=1024, answers=1000
    ),
}

_MAKE: dict[str, Callable[[Mapping[str, np.ndarray]], Graph]] = {
    **{f"kwt{n}": partial(keyword_transformer, f"kwt{n}", kwt_shape(n)) for n in (1, 2, 3)},
    "att_rnn": partial(attention_rnn, "att_rnn", ATT_RNN),
    "mhatt_rnn": partial(attention_rnn, "mhatt_rnn", MHATT_RNN),
    "vit": partial(patch_encoder, "vit", VIT_PATCHES, VIT),
    **{f"clip_{n}": partial(embed, f"clip_{n}", x, CLIP_OUTPUTS) for n, x in CLIP.items()},
    **{
        f"imagebind_{n}": partial(embed, f"imagebind_{n}", x, IMAGEBIND_OUTPUTS)
        for n, x in IMAGEBIND.items()
    },
    "visual_bert": partial(visual_bert, "visual_bert", VisualBertShape(encoder=BERT)),
    "vilbert": partial(vilbert, "vilbert", VILBERT),
    **{f"vqa_{n}": partial(make, f"vqa_{n}", ANSWERS[n]) for n, make in BASELINES.items()},
}


def published(name: str) -> Graph:
    """The network of that name, with empty weights."""
    return _MAKE[name](empty_weights())


PUBLISHED: dict[str, Callable[[], Graph]] = {name: partial(published, name) for name in _MAKE}
