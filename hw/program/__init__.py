"""Programs of the accelerator: instructions, assembler, compiler."""
