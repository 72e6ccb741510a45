"""Specs of operators that only move integers: windows, concatenation, slices, other shapes."""

from dataclasses import dataclass

from golden.spec import require_range


@dataclass(frozen=True, kw_only=True)
class WindowSpec:
    """Windows over the leading axes of a tensor: their lengths, steps, zeros before and after."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.kernel) == len(self.stride) == len(self.padding) <= 2:
            raise ValueError(
                f"kernel, stride and padding must all have one axis or two, not {self.kernel}, "
                f"{self.stride} and {self.padding}"
            )
        for length, step, zeros in zip(self.kernel, self.stride, self.padding, strict=True):
            require_range("kernel", length, 1, 1 << 16)
            require_range("stride", step, 1, 1 << 16)
            for count in zeros:
                require_range("padding", count, 0, 1 << 16)


@dataclass(frozen=True, kw_only=True)
class ConcatSpec:
    """The axis along which tensors stand side by side; -1 is the last."""

    axis: int = 0

    def __post_init__(self) -> None:
        require_range("axis", self.axis, -1, 3)


@dataclass(frozen=True, kw_only=True)
class SliceSpec:
    """Indices ``start`` to ``stop - 1`` of an axis; negative ones count from the end."""

    start: int = 0
    stop: int | None = None
    axis: int = 0

    def __post_init__(self) -> None:
        require_range("axis", self.axis, -1, 3)
        require_range("start", self.start, -(1 << 24), 1 << 24)
        if self.stop is not None:
            require_range("stop", self.stop, -(1 << 24), 1 << 24)


@dataclass(frozen=True, kw_only=True)
class ReshapeSpec:
    """Another shape for the same integers; one length may be -1."""

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        for length in self.shape:
            require_range("shape", length, -1, 1 << 24)
        if self.shape.count(-1) > 1:
            raise ValueError(f"shape may hold -1 once, not as in {self.shape}")
