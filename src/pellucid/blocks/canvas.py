"""A picture on a larger canvas, of sides that a network takes.

Networks that halve a map and double it again, and join the two, take sides that can be halved so often. They
put the picture on a canvas of such sides, work on the canvas, and cut the picture out of what they find. So
the maps in between lie over the canvas, not over the picture; `Canvas` says where the picture is in them.
"""

from __future__ import annotations

from torch import Tensor, nn

from pellucid.ops.maps import padded


class Canvas(nn.Module):
    """(b, c, h, w) → (b, c, h', w'), where h' ≥ h and w' ≥ w; the picture begins `border` pixels below the
    top and right of the left edge.

    What the module that holds a canvas computes behind it lies over the canvas, up to its result, which lies
    over the picture. Explanations rely on that.
    """

    border = 0


class ZeroCanvas(Canvas):
    """Zeros below and to the right, so that both sides are multiples of `multiple`, and not shorter than
    `least`, which is one.
    """

    def __init__(self, multiple: int, *, least: int = 1) -> None:
        super().__init__()
        self.multiple, self.least = multiple, least

    def forward(self, x: Tensor) -> Tensor:
        return padded(x, self.multiple, least=self.least)

    def extra_repr(self) -> str:
        return f"multiple={self.multiple}, least={self.least}"
