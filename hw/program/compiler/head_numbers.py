"""Numbers of each head of an attention, and which specs the machine computes."""

from dataclasses import dataclass, replace

import numpy as np

from golden.operator_spec import AttentionSpec, SoftmaxSpec
from hw.program.compiler.build import Build


@dataclass(frozen=True, kw_only=True)
class Numbers:
    """What an attention reads after query, key and value, of each head."""

    key_scale: np.ndarray
    value_scale: np.ndarray
    score_multiplier: np.ndarray
    context_multiplier: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, build: Build, names: tuple[str, ...]) -> "Numbers":
        """From constants by their names."""
        return cls(**dict(zip(cls.__dataclass_fields__, map(build.number, names), strict=True)))


def require_spec(build: Build, name: str, spec: AttentionSpec, static: bool = False) -> None:
    """Raise ``ValueError`` unless the engine computes ``spec``, or the cores with the vector unit.

    A softmax of whole rows is the cores': keys and values are their weights. With ``static``
    queries may share a scale, as those that are held from row to row do.
    """
    if static:
        spec = replace(spec, query=replace(spec.query, static_scale=None))
    if spec.softmax is not None:
        cores = AttentionSpec(
            heads=spec.heads,
            key_block=spec.key_block,
            causal=spec.causal,
            probability_bits=spec.probability_bits,
            softmax=SoftmaxSpec(),
            linear=spec.linear,
        )
        if cores != spec:
            raise ValueError(
                f"attention {name!r} has the spec {spec}, but cores and vector unit compute "
                f"{cores}: quantise the network to 8 bits"
            )
        return
    engine = AttentionSpec(heads=spec.heads, key_block=build.machine.key_block, causal=spec.causal)
    bits = spec.probability_bits
    if replace(engine, probability_bits=bits) != spec or bits > engine.probability_bits:
        raise ValueError(
            f"attention {name!r} has the spec {spec}, but the engine computes {engine}: quantise "
            f"the network with key_block={engine.key_block} and at most "
            f"{engine.probability_bits} bits of probability"
        )
