"""FCN-32s, FCN-16s and FCN-8s: VGG-16 whose dense layers slide over the picture.

Long, Shelhamer & Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015
(arXiv:1411.4038), section 4 and figure 3.

A dense layer on a map of 7 × 7 is a convolution of that size; so a classifier says of every window what is in
it, once for every 32 pixels. Transposed convolutions, which begin as bilinear interpolation and are trained,
bring that to the picture's size: at once (32s), or after adding what a 1×1 convolution says of the fourth
stage's map (16s), and of the third one's as well (8s).

Where we deviate: the paper surrounds the picture by 100 pixels, so that the windows fit, and cuts the result
out. Here the convolution of 7 × 7 is padded by 3, pictures by zeros to multiples of 32, and a transposed
convolution of side 2s and stride s by s/2: the same layers and weights, every map just over the one that it
is added to, at a fraction of the work. The weights of VGG-16's dense layers are taken over.
"fcn8s-512" has 512 units where VGG has 4,096, for small machines.

b batch · c channels · h, w height and width · k outputs
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import Tensor, nn

from pellucid.blocks.canvas import ZeroCanvas
from pellucid.blocks.upsample import fill_bilinear
from pellucid.models.backbone import OnBackbone
from pellucid.models.shapes import picture_shape
from pellucid.models.vgg import DEPTHS, begin, convolutions, plain

STRIDE = 32
_WIDTH = 4096
_SIDES = {"dense.0.weight": 7, "dense.3.weight": 1}  # of the windows that dense layers become
SKIPS = {32: 0, 16: 1, 8: 2}
"""How many maps are added on the way up, by the stride of the last transposed convolution."""

_POOLS = {23: 512, 16: 256}
"""Where in VGG-16's features the fourth and third pooling are, and the channels of their maps."""


def upscaling(outputs: int, stride: int) -> nn.ConvTranspose2d:
    """(b, k, h, w) → (b, k, stride · h, stride · w), at first by bilinear interpolation."""
    layer = nn.ConvTranspose2d(outputs, outputs, 2 * stride, stride=stride, padding=stride // 2, bias=False)
    fill_bilinear(layer)
    return layer


class FCN(OnBackbone):
    """(b, c, h, w) → (b, k, h, w). `stride` is that of the last transposed convolution, 32, 16 or 8; `width`
    the units of what were dense layers.
    """

    def __init__(self, *, stride: int, width: int, channels: int, outputs: int) -> None:
        super().__init__()
        self.canvas = ZeroCanvas(STRIDE)
        self.features = convolutions(plain, DEPTHS[16], channels)
        self.dense = nn.Sequential(
            nn.Conv2d(512, width, 7, padding=3),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
            nn.Conv2d(width, width, 1),
            nn.ReLU(inplace=True),
            nn.Dropout(0.5),
        )
        self.score = nn.Conv2d(width, outputs, 1)
        self.skipped = [*_POOLS][: SKIPS[stride]]
        self.skips = nn.ModuleList(nn.Conv2d(_POOLS[place], outputs, 1) for place in self.skipped)
        self.ups = nn.ModuleList(upscaling(outputs, 2) for _ in self.skipped)
        self.upscale = upscaling(outputs, stride)
        begin(self.features)
        begin(self.dense)
        nn.init.normal_(self.score.weight, std=0.01)
        for skip in self.skips:
            nn.init.zeros_(skip.get_parameter("weight"))  # begins by adding nothing, as in the paper
            nn.init.zeros_(skip.get_parameter("bias"))
        self.adopts = ("features.", "dense.") if width == _WIDTH else ("features.",)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        x = self.canvas(x)
        kept = []
        for place, layer in enumerate(self.features):
            x = layer(x)
            if place in self.skipped:
                kept.append(x)
        x = self.score(self.dense(x))  # (b, k, h/32, w/32)
        for up, skip in zip(self.ups, self.skips, strict=True):
            x = up(x) + skip(kept.pop())
        logits: Tensor = self.upscale(x)[..., :height, :width]
        return logits

    def adopt(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """VGG-16's convolutions, and its dense layers (4096, 25088) as convolutions (4096, 512, 7, 7)."""
        found = {}
        for name, tensor in state.items():
            name = name.replace("classifier.", "dense.")
            if name in _SIDES:
                tensor = tensor.reshape(len(tensor), -1, _SIDES[name], _SIDES[name])
            if name.startswith(self.adopts) and not name.startswith("dense.6."):
                found[name] = tensor
        return found


def _build(stride: int, *, width: int = _WIDTH, inputs: tuple[int, ...], outputs: int) -> FCN:
    channels, _, _ = picture_shape(inputs)
    return FCN(stride=stride, width=width, channels=channels, outputs=outputs)


VARIANTS: dict[str, Callable[..., nn.Module]] = {
    **{f"fcn{stride}s": partial(_build, stride) for stride in SKIPS},
    "fcn8s-512": partial(_build, 8, width=512),
}
