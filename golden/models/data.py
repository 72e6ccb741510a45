"""Files that tests and commands read from a folder of the user's: where they are from, and hashes.

The project contains none of them. ``python -m golden.models data FOLDER`` tells which are there.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple


class Upstream(NamedTuple):
    """A public repository at one commit; ``licence`` is what it says of the files."""

    address: str
    commit: str
    licence: str


class DataFile(NamedTuple):
    """A file: its name in the folder, what it is, where it is from and what it hashes to."""

    name: str
    content: str
    upstream: Upstream
    path: str
    sha256: str


_KEYWORD_TRANSFORMER = Upstream(
    "https://github.com/ARM-software/keyword-transformer",
    "237e4097afd4f6851e0b82f0a8d65c2dfe8eae30",
    "Apache-2.0",
)
_ATTENTION_RNN = Upstream(
    "https://github.com/douglas125/SpeechCmdRecognition",
    "e965a72a8d1dedf490d4eba1996b2f3bb74eacdf",
    "MIT",
)
_COMMANDS = Upstream(
    "https://github.com/felixchenfy/Speech-Commands-Classification-by-LSTM-PyTorch",
    "173ef9c09198572ee42628e5351abc43fa506030",
    "MIT; origin of the sounds unstated",
)
_MICRO = Upstream(
    "https://github.com/tensorflow/tflite-micro",
    "90b983c2b3f1480642e040bbd2ddb37b998f3424",
    "Apache-2.0",
)
_STS = Upstream(
    "https://github.com/PhilipMay/stsb-multi-mt",
    "30de0dec4ee199b7f42351d3f1a0b19592955385",
    "CC BY-SA 4.0, as the original",
)
_IHP = Upstream(
    "https://github.com/IHP-GmbH/IHP-Open-PDK",
    "5cccb161f7492697cfa52eb14dc03beb00bdca9e",
    "Apache-2.0",
)
_KWT = "models_data_v2_12_labels/kwt1"
_SPEECH = "tensorflow/lite/micro/examples/micro_speech/testdata"
_CELLS = "sg13g2_stdcell_typ_1p20V_25C.lib"

FILES = (
    DataFile(
        "kwt1/kwt1-12.tflite",
        "KWT-1, 12 labels, in floats, front end included",
        _KEYWORD_TRANSFORMER,
        f"{_KWT}/tflite_non_stream/non_stream.tflite",
        "b7dc15b422494adbdd1b721c4a0f073af36a4d93331e96299512eb1561278327",
    ),
    DataFile(
        "kwt1/labels.txt",
        "its labels",
        _KEYWORD_TRANSFORMER,
        f"{_KWT}/labels.txt",
        "d19753ae642d3a5ab8eb8042f5df4d1d8c40afc6bb8ae4b7b16a808bc8ce6efd",
    ),
    DataFile(
        "attrnn/model-attRNN.h5",
        "attention RNN, 36 classes, in floats",
        _ATTENTION_RNN,
        "model-attRNN.h5",
        "c73134a09bbc72d169a7d8e875297e72142c3d11f2dc0d95570303c67bdca4d0",
    ),
    *(
        DataFile(
            f"clips/{word}.wav",
            f"the word '{word}'",
            _COMMANDS,
            f"data/examples/{word}.wav",
            sha256,
        )
        for word, sha256 in (
            ("down", "a61b661b5806fee0f759b801c0c1c48d108aa458e432e6cf53700a20521d50b0"),
            ("go", "f76b64aea9c7684d73da51ac1d81026d4a3c1c6b13f2042df239e1bb7fa085b6"),
            ("left", "0d82a7869a8ed8a87d822ff7a52c9473b32b0dc296d080d269584c8c527f1457"),
            ("no", "49d693009cbdcf54d402231dab8aff1597694864f62bbbcd4b19bdc463d3480e"),
            ("yes", "6397444a1bba5464b8903ba68339496e74a01aa91cded4ec2641591abfce7b19"),
        )
    ),
    *(
        DataFile(
            f"clips/{sound}_1000ms.wav",
            f"one second of {sound}",
            _MICRO,
            f"{_SPEECH}/{sound}_1000ms.wav",
            sha256,
        )
        for sound, sha256 in (
            ("no", "21e2b640385e4a751d480a87ae5a1633a6ff00e838b0e2ad48b22f8034e946d8"),
            ("noise", "7f9cbb350f20ea8aafcd43a9386d8490241f9da64da6d3ad624e2aa36fe2029c"),
            ("silence", "b2149db40d58f46ac63a510bd293bb7a9bf9e379429a79e7c5e3a8d66d55e7f0"),
            ("yes", "b40e137a9d25bbdf135e03fa0f6bff4696d0bfc203aef8bc73b27c9428ba5a92"),
        )
    ),
    DataFile(
        "clips/word_follow.wav",
        "the word 'follow'",
        _ATTENTION_RNN,
        "word_follow.wav",
        "0af348ba1d8eaa501f52046ee0cd09913c513b669ff4e21ba235768b701efa1c",
    ),
    DataFile(
        "stsb/stsb-en-dev.csv",
        "1,500 sentence pairs with human scores",
        _STS,
        "data/stsb-en-dev.csv",
        "d29586e96558c4eb52cf5ea5d14e9c24d3bf0e44f111b017caba43a5adc33226",
    ),
    DataFile(
        f"liberty/{_CELLS}",
        "standard cells of 130 nm, typical corner",
        _IHP,
        f"ihp-sg13g2/libs.ref/sg13g2_stdcell/lib/{_CELLS}",
        "7677a8918689f452e80405ad16a83e744709342574f2aedcc507c2758986b396",
    ),
)
"""Every file that a test or a command may ask for; docs/data.md is written of them."""


def state(folder: Path, file: DataFile) -> str:
    """``right``, ``wrong`` or ``missing``: the file's hash, if it is there."""
    path = folder / file.name
    if not path.is_file():
        return "missing"
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    return "right" if found == file.sha256 else "wrong"
