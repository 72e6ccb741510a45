"""Words that spellers are measured on: 500 English and 500 romanised Khmer, and as many apart.

``python -m golden.models.words`` writes the four lists again. English words are those of the
project's own sentences; calibration takes its own sentences' words. Khmer ones are made of
syllables: onset, vowel, and often a final consonant, one to three of them.
"""

import re
from importlib.resources import files
from pathlib import Path

import numpy as np

COUNT = 500
CALIBRATION = 100
_ONSETS = (
    *("k", "kh", "ch", "d", "th", "n", "b", "ph", "p", "m", "y", "r", "l", "v", "s", "h", "t"),
    *("br", "kr", "khl", "pr", "phn", "sr", "sm", "st", "thm", "tr", "chh", "ng", "nh", "kl"),
)
_VOWELS = ("a", "aa", "ae", "ai", "ao", "e", "ea", "ei", "eu", "i", "ie", "o", "oa", "ou", "u")
_FINALS = ("", "", "", "k", "ch", "t", "n", "ng", "p", "m", "l", "s", "h", "nh")


def read_words(name: str) -> list[str]:
    """A list of this folder by its name, without ``.txt``."""
    return (files("golden.models") / f"{name}.txt").read_text(encoding="utf-8").split()


def make_words() -> dict[str, list[str]]:
    """Every list by its name; no word of a measured list is in the one that calibrates."""
    english, calibration = (_words_of(name) for name in ("sentences", "calibration"))
    rng = np.random.default_rng(500)
    measured = rng.permutation(sorted(english - calibration))[:COUNT]
    khmer = _khmer(rng, COUNT + CALIBRATION)
    return {
        "english_words": sorted(measured.tolist()),
        "english_calibration": sorted(rng.permutation(sorted(calibration))[:CALIBRATION].tolist()),
        "khmer_words": sorted(khmer[:COUNT]),
        "khmer_calibration": sorted(khmer[COUNT:]),
    }


def _words_of(name: str) -> set[str]:
    text = (files("golden.models") / f"{name}.txt").read_text(encoding="utf-8")
    return set(re.findall("[a-z]{3,}", text.lower()))


def _khmer(rng: np.random.Generator, count: int) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < count:
        syllables = rng.choice([1, 2, 3], p=[0.3, 0.5, 0.2])
        parts = [rng.choice(part) for _ in range(syllables) for part in (_ONSETS, _VOWELS, _FINALS)]
        words["".join(parts)] = None
    return list(words)


if __name__ == "__main__":
    for name, words in make_words().items():
        Path(str(files("golden.models") / f"{name}.txt")).write_text(
            "\n".join(words) + "\n", encoding="utf-8"
        )
