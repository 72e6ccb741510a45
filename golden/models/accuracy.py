"""How much of a sentence encoder is left in integers: cosines, ranks and speed against floats."""

import csv
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

Embed = Callable[[np.ndarray], np.ndarray]


class Accuracy(NamedTuple):
    """Integer embeddings against float ones of the same sentences."""

    sentences: int
    tokens: int
    cosine_mean: float
    cosine_min: float
    worst_sentence: str
    nearest_agreement: float  # share of sentences whose nearest other sentence is the same
    pair_rank_correlation: float  # Spearman, over the similarities of all pairs
    real_tokens_per_second: float
    integer_tokens_per_second: float


def compare(
    sentences: Sequence[str],
    token_ids: Sequence[np.ndarray],
    real: Embed,
    integer: Embed,
    progress: Callable[[Iterable[np.ndarray]], Iterable[np.ndarray]] = iter,
) -> Accuracy:
    """Embed every sentence both ways, each with its own clock."""
    x, y = [], []
    real_seconds = integer_seconds = 0.0
    for ids in progress(token_ids):
        start = time.perf_counter()
        x.append(real(ids))
        middle = time.perf_counter()
        y.append(integer(ids))
        real_seconds += middle - start
        integer_seconds += time.perf_counter() - middle
    a, b = _unit(np.array(x)), _unit(np.array(y))
    cosine = (a * b).sum(axis=1)
    tokens = sum(len(ids) for ids in token_ids)
    return Accuracy(
        sentences=len(sentences),
        tokens=tokens,
        cosine_mean=float(cosine.mean()),
        cosine_min=float(cosine.min()),
        worst_sentence=sentences[int(cosine.argmin())],
        nearest_agreement=float((_nearest(a) == _nearest(b)).mean()),
        pair_rank_correlation=rank_correlation(_pairs(a), _pairs(b)),
        real_tokens_per_second=tokens / real_seconds,
        integer_tokens_per_second=tokens / integer_seconds,
    )


def read_pairs(path: Path) -> list[tuple[str, str, float]]:
    """Sentence pairs with a human score, in three columns as the STS benchmark has them."""
    if not path.is_file():
        raise ValueError(f"{path} is missing: --data must name the folder that holds stsb/")
    with path.open(encoding="utf-8", newline="") as file:
        return [(first, second, float(score)) for first, second, score in csv.reader(file)]


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's: the correlation of the ranks, ties sharing their mean rank."""
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])


def _ranks(x: np.ndarray) -> np.ndarray:
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def _unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def _nearest(x: np.ndarray) -> np.ndarray:
    similarity = x @ x.T
    np.fill_diagonal(similarity, -np.inf)
    return similarity.argmax(axis=1)


def _pairs(x: np.ndarray) -> np.ndarray:
    return (x @ x.T)[np.triu_indices(len(x), 1)]
