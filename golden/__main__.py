"""``python -m golden``: golden networks from the command line."""

import click

from golden.commands.group import Commands, Entry

COMMANDS = {
    "accuracy": Entry("accuracy", "accuracy", "The sentence encoder's integers against floats."),
    "calibration": Entry("calibration", "calibration", "Ways to choose scales, compared."),
    "describe": Entry("describe", "describe_network", "Operators, products, bytes of a network."),
    "images": Entry("images", "images", "A digits' ViT in integers against itself in floats."),
    "import": Entry("import_network", "import_network", "Read an ONNX encoder and quantise it."),
    "keywords": Entry("keywords", "keywords", "Keyword spotters' integers against floats."),
    "networks": Entry("networks", "networks", "Every network, small: integers against floats."),
    "nodes": Entry("nodes", "nodes", "ONNX's node tests: passed, not claimed, failed."),
    "operators": Entry("operators", "operators", "Layer norms and GELUs against floats."),
    "save": Entry("save", "save", "Write a network's integer form as one file."),
    "softmax": Entry("softmax", "softmax", "Integer softmax against float, real rows and drawn."),
    "spellings": Entry("spellings", "spellings", "Spellers' integers against floats."),
    "voice": Entry("voice", "voice", "The voice detector's integers against floats."),
}


@click.group(cls=Commands, package="golden.commands", entries=COMMANDS)
def main() -> None:
    """Networks in integers: what they compute, and how near to floats they stay."""


if __name__ == "__main__":
    main(prog_name="python -m golden")
