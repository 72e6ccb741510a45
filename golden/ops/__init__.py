"""Integer operators: one pure function per file, ``operator(spec, *tensors)``."""
