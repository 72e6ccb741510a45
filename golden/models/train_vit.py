"""Trains the digits' vision transformer: ``python -m golden.models.train_vit``, two minutes.

The network is that of ``golden.models.vit``, weights named as there; every image is moved, turned
and stretched a little each time that it is seen. Needs the extra ``reference``: PyTorch. Seed and
number of threads are fixed, so one machine gives one file; another may differ in the last bits.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, cross_entropy, gelu, grid_sample, layer_norm, softmax

from golden.models.vit import PATCH, SHAPE, images

FILE = Path(__file__).parent / "vit.npz"
BATCH = 100
RATE = 2e-3


def forward(weights: dict[str, Tensor], pixels: Tensor) -> Tensor:
    """Scores (B, 10) of pixels (B, 28, 28)."""

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def norm(name: str, x: Tensor) -> Tensor:
        gain, bias = weights[f"{name}.norm.gain"], weights[f"{name}.norm.bias"]
        return layer_norm(x, (SHAPE.width,), gain, bias, SHAPE.epsilon)

    def heads(x: Tensor) -> Tensor:
        return x.unflatten(-1, (SHAPE.heads, -1)).transpose(1, 2)  # (B, H, N, d)

    size, side = PATCH.kernel[0], PATCH.size[0] // PATCH.kernel[0]
    patches = pixels.reshape(-1, side, size, side, size).transpose(2, 3).flatten(3).flatten(1, 2)
    h = linear("patch", patches)  # (B, 16, D)
    h = torch.cat([weights["class.table"].expand(len(h), -1, -1), h], 1) + weights["position.table"]
    for layer in range(SHAPE.layers):
        name = f"layer.{layer}"
        x = norm(f"{name}.attention", h)
        q, k, v = (heads(linear(f"{name}.{part}", x)) for part in ("query", "key", "value"))
        p = softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1)  # (B, H, N, N)
        h = h + linear(f"{name}.output", (p @ v).transpose(1, 2).flatten(2))
        x = norm(f"{name}.feed_forward", h)
        x = gelu(linear(f"{name}.feed_forward_in", x))
        h = h + linear(f"{name}.feed_forward_out", x)
    return linear("output", norm("final", h)[:, 0])


def start() -> dict[str, Tensor]:
    """Weights before the first step."""
    width, inner = SHAPE.width, SHAPE.feed_forward
    sizes = {"patch": (int(np.prod(PATCH.kernel)), width), "output": (width, PATCH.outputs)}
    norms = ["final"]
    for layer in range(SHAPE.layers):
        name = f"layer.{layer}"
        sizes |= {f"{name}.{part}": (width, width) for part in ("query", "key", "value", "output")}
        sizes[f"{name}.feed_forward_in"] = (width, inner)
        sizes[f"{name}.feed_forward_out"] = (inner, width)
        norms += [f"{name}.attention", f"{name}.feed_forward"]
    weights = {
        "class.table": torch.randn(1, width) * 0.02,
        "position.table": torch.randn(PATCH.tokens, width) * 0.02,
    }
    for name, size in sizes.items():
        weights[f"{name}.weight"] = torch.randn(size) * size[0] ** -0.5
        weights[f"{name}.bias"] = torch.zeros(size[1])
    for name in norms:
        weights[f"{name}.norm.gain"] = torch.ones(width)
        weights[f"{name}.norm.bias"] = torch.zeros(width)
    return {name: weight.requires_grad_() for name, weight in weights.items()}


def moved(pixels: Tensor) -> Tensor:
    """Each image moved up to 2 pixels, turned up to 12 degrees, stretched up to 12 %."""
    count = len(pixels)
    angle = (torch.rand(count) - 0.5) * 0.42
    stretch = 1 + (torch.rand(2, count) - 0.5) * 0.24
    shift = (torch.rand(2, count) - 0.5) * (8 / PATCH.size[0])
    rows = [
        torch.stack([stretch[0] * angle.cos(), -angle.sin(), shift[0]], -1),
        torch.stack([angle.sin(), stretch[1] * angle.cos(), shift[1]], -1),
    ]
    grid = affine_grid(torch.stack(rows, 1), [count, 1, *PATCH.size], align_corners=False)
    return grid_sample(pixels[:, None], grid, align_corners=False)[:, 0]


def batches(count: int) -> Iterator[Tensor]:
    """Indices of all images in a new order."""
    yield from torch.randperm(count).split(BATCH)


@click.command()
@click.option("--epochs", default=100, help="How often every image is seen.")
@click.option("--seed", default=1, help="Of the weights' start, the order and the movements.")
@click.option("--output", type=click.Path(path_type=Path), default=FILE, help="The .npz written.")
def main(epochs: int, seed: int, output: Path) -> None:
    """Train the digits' vision transformer and write its weights."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    pixels, labels = (torch.from_numpy(x) for x in images(test=False))
    pixels, weights = pixels[..., 0], start()
    decay = [weight for name, weight in weights.items() if name.endswith(".weight")]
    rest = [weight for name, weight in weights.items() if not name.endswith(".weight")]
    groups = [{"params": decay, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE)
    steps = epochs * len(pixels) // BATCH
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
    begin = time.monotonic()
    for epoch in range(epochs):
        total = 0.0
        for chosen in batches(len(pixels)):
            scores = forward(weights, moved(pixels[chosen]))
            loss = cross_entropy(scores, labels[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            plan.step()
            total += loss.item()
        if epoch % 10 == 9:
            click.echo(f"epoch {epoch + 1}: loss {total * BATCH / len(pixels):.4f}, "
                       f"{time.monotonic() - begin:.0f} s")  # fmt: skip
    kept = {name: weight.detach().numpy().astype(np.float16) for name, weight in weights.items()}
    np.savez_compressed(output, allow_pickle=False, **kept)
    test_pixels, test_labels = (torch.from_numpy(x) for x in images())
    rounded = {name: torch.from_numpy(weight.astype(np.float32)) for name, weight in kept.items()}
    right = (forward(rounded, test_pixels[..., 0]).argmax(1) == test_labels).float().mean()
    click.echo(f"{output}: {output.stat().st_size:,} bytes, test accuracy {right:.1%}")


if __name__ == "__main__":
    main(prog_name="python -m golden.models.train_vit")
