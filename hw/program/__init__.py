"""Programs of the accelerator: instructions, assembler, compiler."""

from hw.program.compiler.compile import compile_network
from hw.program.program import Program

__all__ = ["Program", "compile_network"]
