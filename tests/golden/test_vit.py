"""The trained digits' vision transformer: its file, its floats, its integers."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner

from golden.__main__ import main
from golden.models import vit
from golden.networks.check import check_network
from golden.networks.describe import describe
from golden.networks.file import load_network
from golden.networks.run import quantize_inputs, run_integer

pytestmark = pytest.mark.xdist_group("vit")


def test_the_weights_are_small_and_all_used() -> None:
    path = Path(str(files("golden.models") / "vit.npz"))
    assert path.stat().st_size < 300_000
    with np.load(path) as file:
        names = {name: file[name].size for name in file.files}
    # Two bytes each; the largest count is that of the layers' products.
    assert sum(names.values()) == 72_074
    assert names.keys() == vit.real_network().constants.keys()


def test_images_are_split_evenly_and_apart() -> None:
    test, train = vit.images(), vit.images(test=False)
    assert test.pixels.shape == (1000, 28, 28, 1)
    assert train.pixels.shape == (4000, 28, 28, 1)
    assert (np.bincount(test.labels) == 100).all()
    assert (np.bincount(train.labels) == 400).all()
    assert test.pixels.min() == 0
    assert test.pixels.max() == 1
    seen = {image.tobytes() for image in train.pixels}
    assert not any(image.tobytes() in seen for image in test.pixels)


def test_integers_keep_the_digits() -> None:
    """Every fourth test image; `python -m golden images` measures all."""
    pixels, labels = vit.images().pixels[::4], vit.images().labels[::4]
    real, integer = (
        np.array([scores(image) for image in pixels])
        for scores in (vit.scores_real, vit.scores_integer)
    )
    lengths = np.linalg.norm(real, axis=1) * np.linalg.norm(integer, axis=1)
    assert ((real * integer).sum(axis=1) / lengths).min() >= 0.99
    assert (real.argmax(axis=1) == integer.argmax(axis=1)).mean() >= 0.99
    assert (real.argmax(axis=1) == labels).mean() >= 0.96
    assert (integer.argmax(axis=1) == labels).mean() >= 0.96


def test_the_integer_network_suits_the_engine() -> None:
    network = vit.integer_network()
    check_network(network)
    assert vit.SHAPE.width // vit.SHAPE.heads == 32
    sizes = describe(network, {})
    patches = 16 * 49 * 64
    layer = 17 * (4 * 64**2 + 2 * 64 * 128) + 2 * 17 * 17 * 64
    assert sum(size.macs for size in sizes) == patches + 2 * layer + 64 * 10


def test_training_s_network_is_golden_s(package: Callable[[str], ModuleType]) -> None:
    torch = package("torch")
    from golden.models.train_vit import forward, moved, start

    weights = {
        name: torch.from_numpy(weight) for name, weight in vit.real_network().constants.items()
    }
    pixels = vit.images().pixels[::200]
    theirs = forward(weights, torch.from_numpy(pixels[..., 0])).numpy()
    ours = [vit.scores_real(image) for image in pixels]
    np.testing.assert_allclose(theirs, ours, atol=1e-4)
    torch.manual_seed(3)
    first = start()
    assert {name: weight.shape for name, weight in first.items()} == {
        name: weight.shape for name, weight in weights.items()
    }
    image = torch.from_numpy(pixels[..., 0])
    assert moved(image).shape == image.shape
    assert (moved(image) - image).abs().max() > 0.1


def test_images_command_writes_its_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    result = CliRunner().invoke(main, ["images", "--count", "40", "--json", str(file)])
    assert result.exit_code == 0, result.output
    figures = json.loads(file.read_text())
    assert figures["images"] == 40
    assert figures["agreement"] >= 0.95
    assert 0.99 < figures["cosine_min"] <= figures["cosine_mean"] < 1
    wrong = CliRunner().invoke(main, ["images", "--count", "1001"])
    assert wrong.exit_code == 1
    assert "count must be 1 to 1000, not 1001" in wrong.output


def test_the_saved_network_gives_the_same(tmp_path: Path) -> None:
    file = tmp_path / "digits.safetensors"
    result = CliRunner().invoke(main, ["save", "vit_digits", str(file)])
    assert result.exit_code == 0, result.output
    image = {"input": vit.images().pixels[0]}
    loaded, made = (
        run_integer(graph, quantize_inputs(graph, image))["output"]
        for graph in (load_network(file), vit.integer_network())
    )
    assert (loaded == made).all()
