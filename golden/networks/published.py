"""Published networks by name, without their weights: to count operators, products and bytes."""

from collections.abc import Callable
from dataclasses import replace

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

PUBLISHED: dict[str, Callable[[], Graph]] = {
    **{
        f"kwt{heads}": lambda heads=heads: keyword_transformer(
            f"kwt{heads}", kwt_shape(heads), empty_weights()
        )
        for heads in (1, 2, 3)
    },
    "att_rnn": lambda: attention_rnn("att_rnn", ATT_RNN, empty_weights()),
    "mhatt_rnn": lambda: attention_rnn("mhatt_rnn", MHATT_RNN, empty_weights()),
    "vit": lambda: patch_encoder("vit", VIT_PATCHES, VIT, empty_weights()),
    **{
        f"clip_{name}": lambda name=name: embed(
            f"clip_{name}", CLIP[name], CLIP_OUTPUTS, empty_weights()
        )
        for name in CLIP
    },
    **{
        f"imagebind_{name}": lambda name=name: embed(
            f"imagebind_{name}", IMAGEBIND[name], IMAGEBIND_OUTPUTS, empty_weights()
        )
        for name in IMAGEBIND
    },
    "visual_bert": lambda: visual_bert(
        "visual_bert", VisualBertShape(encoder=BERT), empty_weights()
    ),
    "vilbert": lambda: vilbert("vilbert", VILBERT, empty_weights()),
    **{
        f"vqa_{name}": lambda name=name: BASELINES[name](name, ANSWERS[name], empty_weights())
        for name in BASELINES
    },
}
