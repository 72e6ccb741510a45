"""Weights that nobody trained: random ones for small instances, empty ones to count with."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

Shape = tuple[int, ...]


class MadeWeights(Mapping[str, np.ndarray]):
    """Weights of any name, made when a network first asks for one of a shape; then kept."""

    def __init__(self, make: Callable[[str, Shape], np.ndarray]) -> None:
        self._make = make
        self._made: dict[str, np.ndarray] = {}

    def of_shape(self, name: str, shape: Shape) -> np.ndarray:
        """The weight of that name."""
        if name not in self._made:
            self._made[name] = self._make(name, shape)
        return self._made[name]

    def __getitem__(self, name: str) -> np.ndarray:
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


def random_weights(seed: int) -> MadeWeights:
    """Seeded noise, of the size that keeps a layer's outputs about as large as its inputs."""
    rng = np.random.default_rng(seed)

    def make(name: str, shape: Shape) -> np.ndarray:
        kind = name.rpartition(".")[2]
        if kind == "variance":
            return rng.uniform(0.5, 1.5, shape)
        centre = 1.0 if kind == "gain" else 0.0
        if kind == "weight":
            spread = shape[0] ** -0.5
        elif kind in {"table", "energy"}:
            spread = 0.7
        else:
            spread = 0.15
        return rng.normal(centre, spread, shape)

    return MadeWeights(make)


def empty_weights() -> MadeWeights:
    """Shapes without memory: every number is the same zero."""
    zero = np.zeros((), np.float32)
    return MadeWeights(lambda _, shape: np.broadcast_to(zero, shape))
