"""How much of a sentence encoder is left in other numbers: cosines, ranks and speed."""

import csv
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

Embed = Callable[[np.ndarray], np.ndarray]
Progress = Callable[[Iterable[np.ndarray]], Iterable[np.ndarray]]


class Embedded(NamedTuple):
    """Vectors of sentences, and how fast they were made."""

    vectors: np.ndarray  # (S, D)
    tokens_per_second: float


class Likeness(NamedTuple):
    """Vectors against the float ones of the same sentences."""

    cosine_mean: float
    cosine_min: float
    worst_sentence: str
    nearest_agreement: float  # share of sentences whose nearest other sentence is the same
    pair_rank_correlation: float  # Spearman, over the similarities of all pairs


class Pairs(NamedTuple):
    """Sentence pairs with a human score each."""

    first: list[np.ndarray]  # token ids
    second: list[np.ndarray]
    scores: np.ndarray  # (P,)

    def correlation(self, embed: Embed, progress: Progress = iter) -> float:
        """Spearman's, of the cosines of pairs with their scores."""
        left, right = (
            _unit(embed_all(ids, embed, progress).vectors) for ids in (self.first, self.second)
        )
        return rank_correlation((left * right).sum(axis=1), self.scores)


class Measurement:
    """Sentences, their vectors in floats, and what another form of the encoder makes of them.

    ``vectors`` are golden's floats (S, D), ``floats`` their figures.
    """

    def __init__(
        self,
        sentences: Sequence[str],
        token_ids: Sequence[np.ndarray],
        real: Embed,
        pairs: Pairs | None = None,
        progress: Progress = iter,
    ) -> None:
        self.sentences, self.pairs = sentences, pairs
        self.tokens = sum(len(ids) for ids in token_ids)
        self._ids, self._progress = token_ids, progress
        self.vectors, speed = embed_all(token_ids, real, progress)
        self.floats = {"tokens_per_second": speed, **self._human_scores(real)}

    def measure(self, embed: Embed) -> dict[str, Any]:
        """Figures of another form: its likeness, its speed, how much slower than the floats."""
        vectors, speed = embed_all(self._ids, embed, self._progress)
        return {
            **compare(self.sentences, self.vectors, vectors)._asdict(),
            "tokens_per_second": speed,
            "slowdown": self.floats["tokens_per_second"] / speed,
            **self._human_scores(embed),
        }

    def check(self, name: str, embed: Embed, tolerance: float) -> None:
        """Raise ``ValueError`` unless ``embed`` gives the floats."""
        worst = np.abs(embed_all(self._ids, embed, self._progress).vectors - self.vectors).max()
        if worst > tolerance:
            raise ValueError(
                f"{name} differs from golden's floats by {worst:.1e}, more than {tolerance}: "
                f"it must be the same network"
            )

    def _human_scores(self, embed: Embed) -> dict[str, float]:
        if self.pairs is None:
            return {}
        return {"sts_spearman": self.pairs.correlation(embed, self._progress)}


def embed_all(token_ids: Sequence[np.ndarray], embed: Embed, progress: Progress = iter) -> Embedded:
    """Embed sentence by sentence; the clock does not see what comes before the first one."""
    embed(token_ids[0])
    vectors, seconds = [], 0.0
    for ids in progress(token_ids):
        start = time.perf_counter()
        vectors.append(embed(ids))
        seconds += time.perf_counter() - start
    return Embedded(np.array(vectors), sum(len(ids) for ids in token_ids) / seconds)


def compare(sentences: Sequence[str], real: np.ndarray, other: np.ndarray) -> Likeness:
    """``(S, D), (S, D)``: vectors of ``sentences`` in floats and in other numbers."""
    a, b = _unit(real), _unit(other)
    cosine = (a * b).sum(axis=1)
    return Likeness(
        cosine_mean=float(cosine.mean()),
        cosine_min=float(cosine.min()),
        worst_sentence=sentences[int(cosine.argmin())],
        nearest_agreement=float((_nearest(a) == _nearest(b)).mean()),
        pair_rank_correlation=rank_correlation(_pairs(a), _pairs(b)),
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
