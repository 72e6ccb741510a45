"""Plans of a macro: whatever changes only area or time. Every plan gives the same outputs."""

from dataclasses import dataclass
from typing import Literal

from golden.spec import MacroSpec, require_range

FEEDERS = ("fixed", "skip", "ring", "spill")
ENCODINGS: tuple[Literal["twos_complement", "sign_magnitude"], ...] = (
    "twos_complement",
    "sign_magnitude",
)
PRODUCTS: tuple[Literal["plain", "pairs"], ...] = ("plain", "pairs")


@dataclass(frozen=True, kw_only=True)
class MacroPlan:
    """How a macro computes its products.

    feeder
        ``fixed``: every input bit, every time. ``skip``: as many bits as the longest input of the
        group has. ``ring``: a lane also takes high bits of its left neighbour. ``spill``: ordinary
        lanes take the low digits, ``helpers`` further lanes the high ones.
    bits_per_cycle
        Input bits that a lane takes in one cycle; 8 with ``fixed`` is the parallel array.
    products
        ``plain``: one product per lane and bit. ``pairs``: per two lanes and bit one of
        0, w0, w1 and w0 + w1, the sum shared by all bit positions.
    encoding
        How ``skip``, ``ring`` and ``spill`` measure an input: with its sign bit, or apart from it.
    tokens
        Input vectors that share one weight read; they are taken and given together.
    weight_lanes
        Lanes of weights that one beat of the weight stream writes.
    """

    feeder: Literal["fixed", "skip", "ring", "spill"] = "fixed"
    bits_per_cycle: int = 8
    products: Literal["plain", "pairs"] = "pairs"
    encoding: Literal["twos_complement", "sign_magnitude"] = "twos_complement"
    helpers: int = 0
    tokens: int = 1
    weight_lanes: int = 1

    def __post_init__(self) -> None:
        for name, known in (("feeder", FEEDERS), ("products", PRODUCTS), ("encoding", ENCODINGS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {known}, not {getattr(self, name)!r}")
        if self.bits_per_cycle not in (1, 2, 4, 8):
            raise ValueError(f"bits_per_cycle must be 1, 2, 4 or 8, not {self.bits_per_cycle!r}")
        require_range("tokens", self.tokens, 1, 16)
        require_range("weight_lanes", self.weight_lanes, 1, 64)
        allowed_helpers = (1, 2) if self.feeder == "spill" else (0,)
        if self.helpers not in allowed_helpers:
            raise ValueError(
                f"helpers must be one of {allowed_helpers} for feeder {self.feeder!r}, "
                f"not {self.helpers!r}"
            )
        allowed_bits = {"ring": (1,), "spill": (1, 2, 4)}.get(self.feeder, (1, 2, 4, 8))
        if self.bits_per_cycle not in allowed_bits:
            raise ValueError(
                f"bits_per_cycle must be one of {allowed_bits} for feeder {self.feeder!r}, "
                f"not {self.bits_per_cycle!r}"
            )
        if self.feeder in {"ring", "spill"} and self.products != "plain":
            raise ValueError(f"products must be 'plain' for feeder {self.feeder!r}, not 'pairs'")
        if self.feeder == "fixed" and self.encoding != "twos_complement":
            raise ValueError(
                f"encoding must be 'twos_complement' for 'fixed', not {self.encoding!r}"
            )
        if self.feeder != "fixed" and self.tokens != 1:
            raise ValueError(f"tokens must be 1 for feeder {self.feeder!r}, not {self.tokens!r}")

    def require(self, spec: MacroSpec) -> None:
        """Raise ``ValueError`` if this plan cannot serve ``spec``."""
        if 16 in (spec.input_bits, spec.weight_bits) and self.feeder != "fixed":
            raise ValueError(
                f"feeder {self.feeder!r} takes operands up to 8 bits, not {spec.input_bits}-bit "
                f"inputs and {spec.weight_bits}-bit weights: use feeder 'fixed'"
            )
        if spec.lanes % self.weight_lanes:
            raise ValueError(
                f"weight_lanes must divide the {spec.lanes} lanes, not be {self.weight_lanes}"
            )
        if spec.lanes < 2 and (self.feeder == "ring" or self.products == "pairs"):
            raise ValueError(f"ring and pairs need at least 2 lanes, not {spec.lanes}")


PLANS = {
    "fixed": MacroPlan(bits_per_cycle=1, products="plain"),
    "skip": MacroPlan(feeder="skip", bits_per_cycle=1, products="plain"),
    "ring": MacroPlan(feeder="ring", bits_per_cycle=1, products="plain"),
    "spill-1": MacroPlan(
        feeder="spill", bits_per_cycle=1, products="plain", encoding="sign_magnitude", helpers=1
    ),
    "spill-2": MacroPlan(
        feeder="spill", bits_per_cycle=1, products="plain", encoding="sign_magnitude", helpers=2
    ),
    "parallel": MacroPlan(products="plain"),
    "pairs": MacroPlan(),
    "pairs-4": MacroPlan(tokens=4),
}
"""Named plans, as the tables print them; ``pairs`` is the default."""
