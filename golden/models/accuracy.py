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
        sides = (embed_all(ids, embed, progress=progress)[0] for ids in (self.first, self.second))
        left, right = (_unit(side.vectors) for side in sides)
        return rank_correlation((left * right).sum(axis=1), self.scores)


class Measurement:
    """Sentences embedded in golden's floats and integers by turns, and then by others.

    ``floats`` and ``integers`` are their figures, ``vectors`` the floats' embeddings (S, D).
    """

    def __init__(
        self,
        sentences: Sequence[str],
        token_ids: Sequence[np.ndarray],
        real: Embed,
        integer: Embed,
        pairs: Pairs | None = None,
        progress: Progress = iter,
    ) -> None:
        self.sentences, self.pairs = sentences, pairs
        self.tokens = sum(len(ids) for ids in token_ids)
        self._ids, self._progress = token_ids, progress
        floats, integers = embed_all(token_ids, real, integer, progress=progress)
        self.vectors = floats.vectors
        self.floats = {"tokens_per_second": floats.tokens_per_second, **self._human_scores(real)}
        self.integers = self._figures(integers, integer)

    def measure(self, embed: Embed) -> dict[str, Any]:
        """Figures of another form: its likeness, its speed, how much slower than the floats."""
        return self._figures(embed_all(self._ids, embed, progress=self._progress)[0], embed)

    def check(self, name: str, embed: Embed, tolerance: float) -> None:
        """Raise ``ValueError`` unless ``embed`` gives the floats."""
        (found,) = embed_all(self._ids, embed, progress=self._progress)
        worst = np.abs(found.vectors - self.vectors).max()
        if worst > tolerance:
            raise ValueError(
                f"{name} differs from golden's floats by {worst:.1e}, more than {tolerance}: "
                f"it must be the same network"
            )

    def _figures(self, embedded: Embedded, embed: Embed) -> dict[str, Any]:
        return {
            **compare(self.sentences, self.vectors, embedded.vectors)._asdict(),
            "tokens_per_second": embedded.tokens_per_second,
            "slowdown": self.floats["tokens_per_second"] / embedded.tokens_per_second,
            **self._human_scores(embed),
        }

    def _human_scores(self, embed: Embed) -> dict[str, float]:
        if self.pairs is None:
            return {}
        return {"sts_spearman": self.pairs.correlation(embed, self._progress)}


def embed_all(
    token_ids: Sequence[np.ndarray], *embeds: Embed, progress: Progress = iter
) -> list[Embedded]:
    """Each sentence by every function, one after the other: a busy minute slows all of them.

    The clocks do not see what comes before the first sentence.
    """
    for embed in embeds:
        embed(token_ids[0])
    vectors: list[list[np.ndarray]] = [[] for _ in embeds]
    seconds = [0.0] * len(embeds)
    for ids in progress(token_ids):
        for index, embed in enumerate(embeds):
            start = time.perf_counter()
            vectors[index].append(embed(ids))
            seconds[index] += time.perf_counter() - start
    tokens = sum(len(ids) for ids in token_ids)
    return [Embedded(np.array(x), tokens / t) for x, t in zip(vectors, seconds, strict=True)]


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
