"""The matrix products of real text: several sentences side by side as rows of one product."""

import re
from collections.abc import Sequence

import numpy as np

from golden.integer import RowScale
from golden.models import minilm
from golden.networks.products import Product, products
from golden.quantize import QuantizeSettings

DEFAULT_TEXT = (
    "The cat sleeps in the warm kitchen. Where did you park the car last night? "
    "She plays the violin in a small orchestra. The train to the coast leaves at noon. "
    "Please send me the report before Friday. Rain is expected over the hills tomorrow. "
    "He forgot his keys on the kitchen table. The museum opens a new exhibition in spring."
)


def split_sentences(text: str) -> list[str]:
    """Cut ``text`` behind full stops, question and exclamation marks; it must hold a word."""
    found = [part for part in re.split(r"(?<=[.!?])\s+", text.strip()) if part]
    if not found:
        raise ValueError("the text is empty: give at least one sentence, as in TEXT='A cat sat.'")
    return found


def layer_products(sentences: Sequence[str], layers: Sequence[int] = (0,)) -> list[Product]:
    """The products of ``layers``, each sentence encoded for itself.

    Products with static weights hold the rows of all sentences; scores and context, whose weights
    are activations, stay one per sentence and head.
    """
    tokenizer = minilm.Tokenizer()
    # A macro takes no more bits of a probability.
    network = minilm.integer_network(QuantizeSettings(probability_bits=8))
    each = [products(network, tokenizer(sentence), layers) for sentence in sentences]
    joined: list[Product] = []
    for index, first in enumerate(each[0]):
        same = [of_sentence[index] for of_sentence in each]
        joined.extend(same if first.head is not None else [_stack(same)])
    return joined


def _stack(parts: Sequence[Product]) -> Product:
    first = parts[0]
    return Product(
        name=first.name,
        layer=first.layer,
        head=None,
        x=np.concatenate([part.x for part in parts]),
        x_signed=first.x_signed,
        w=first.w,
        row_scale=RowScale(
            np.concatenate([part.row_scale.mantissa for part in parts]),
            np.concatenate([part.row_scale.exponent for part in parts]),
        ),
        multiplier=first.multiplier,
        bias=first.bias,
        spec=first.spec,
        expected=np.concatenate([part.expected for part in parts]),
    )
