"""DeconvNet: a VGG-16, and its mirror image of transposed convolutions and unpoolings.

Noh, Hong & Han, "Learning deconvolution network for semantic segmentation", ICCV 2015 (arXiv:1505.04366),
table 2 and figure 2.

The picture is narrowed down to what its classifier would see, one pixel of 4,096 channels for 224 × 224, and
an object is drawn from that: unpooling puts values back to where the maxima had been, transposed convolutions
fill in between.

Where we deviate: pictures of other sizes are taken, padded with zeros to multiples of 32 and to 224 at least,
and the result is cut out; then the pixel is a small map. The paper's training in two stages, on cut-out
objects first, and its sum over proposals are no part of the network. VGG-16's convolutions with batch norm
are taken over.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import Tensor, nn

from pellucid.blocks.canvas import ZeroCanvas
from pellucid.models.backbone import OnBackbone
from pellucid.models.segnet import encoded, with_switches
from pellucid.models.shapes import picture_shape
from pellucid.models.vgg import DEPTHS, WIDTHS, begin, convolutions, normalised
from pellucid.ops.maps import unpooled

STRIDE = 32
SMALLEST = 224


def unit(layer: nn.Module, channels: int) -> Sequence[nn.Module]:
    return (layer, nn.BatchNorm2d(channels), nn.ReLU(inplace=True))


class DeconvNet(OnBackbone):
    """(b, c, h, w) → (b, k, h, w). `depths` is the number of convolutions of each stage, `width` the channels
    in the middle.
    """

    adopts = ("features.",)

    def __init__(self, *, depths: Sequence[int], width: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.canvas = ZeroCanvas(STRIDE, least=SMALLEST)
        self.features = with_switches(convolutions(normalised, depths, channels))
        deepest = WIDTHS[-1]
        self.middle = nn.Sequential(
            *unit(nn.Conv2d(deepest, width, 7), width),
            *unit(nn.Conv2d(width, width, 1), width),
            *unit(nn.ConvTranspose2d(width, deepest, 7), deepest),
        )
        self.decoder = nn.ModuleList()
        for stage in reversed(range(len(depths))):
            inputs = [WIDTHS[stage]] * depths[stage]
            outs = [*inputs[1:], WIDTHS[max(stage - 1, 0)]]
            layers = [
                layer
                for before, after in zip(inputs, outs, strict=True)
                for layer in unit(nn.ConvTranspose2d(before, after, 3, padding=1), after)
            ]
            self.decoder.append(nn.Sequential(*layers))
        self.head = nn.Conv2d(WIDTHS[0], outputs, 1)
        begin(self)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x, places = encoded(self.features, self.canvas(x))
        x = self.middle(x)  # (b, width, h/32 - 6, w/32 - 6), and back to (b, 512, h/32, w/32)
        for stage in self.decoder:
            x = stage(unpooled(x, *places.pop()))
        logits: Tensor = self.head(x)[..., :height, :width]
        return logits

    def adopt(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}


def deconvnet(*, inputs: tuple[int, ...], outputs: int) -> DeconvNet:
    channels, _, _ = picture_shape(inputs)
    return DeconvNet(depths=DEPTHS[16], width=4096, channels=channels, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {"deconvnet": deconvnet}
