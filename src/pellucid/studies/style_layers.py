"""What each layer of a network keeps of a picture's content, and of its style.

Gatys, Ecker & Bethge, CVPR 2016, figure 1: from noise, a picture is optimised until one layer answers to it
as to the content's picture, which shows what of it the layer still knows; and until one layer's Gram matrix
is that of the style's picture, which shows the texture it knows. Shallow layers keep pixels and colours, deep
ones what is where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from pellucid.data.decode import decode
from pellucid.recipes.opened import open_network, some_classes
from pellucid.studies.study import Findings, Study
from pellucid.synthesis.style import stylise
from pellucid.synthesis.style_layers import address_of, chosen_layers, keys_of
from pellucid.synthesis.style_settings import StyleSettings
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError
from pellucid.types.stylisation import Stylised
from pellucid.views.contents import Table
from pellucid.views.style import Carried, carried


@dataclass(frozen=True)
class StyleLayersStudy(Study):
    content: Path | None = None
    """The picture whose content is rebuilt."""
    style: Path | None = None
    """The picture whose style is grown."""
    network: str = "torchvision/vgg19"
    """A run folder, or the name of a recipe or network."""
    weights: str = ""
    """For a recipe or network: its weights, a file or published ones by name; by default, for
    torchvision/NAME and timm/NAME, those of that name.
    """
    layers: tuple[str, ...] = ()
    """Which layers, by address; by default one at each resolution."""
    side: int = 128
    """The longer side of the pictures that are made."""
    steps: int = 100
    """Iterations of L-BFGS for each."""
    variation: float = 20.0
    """Weight of the total variation, against noise that a layer does not see."""
    seed: int = 0
    """Decides the noise that each begins with."""

    def run(self) -> Findings:
        if self.content is None or self.style is None:
            raise InputError("which pictures? Give --content FILE and --style FILE")
        content, style = decode(self.content), decode(self.style)
        published = self.network.startswith(("torchvision/", "timm/"))
        weights = self.weights or (self.network if published else "")
        classes = some_classes(weights) if weights else ()
        opened = open_network(self.network, weights=weights, classes=classes)
        keys = keys_of(opened.model, self.layers) or chosen_layers(opened.model, opened.preprocessing)[1]
        found = [
            self._carried(opened.model, opened.preprocessing, address_of(key), content, style) for key in keys
        ]
        return _told(self, found, content, style, opened.notes)

    def _carried(
        self, model: nn.Module, preprocessing: Preprocessing, layer: str, content: Tensor, style: Tensor
    ) -> Carried:
        how = StyleSettings(
            (layer,),
            (layer,),
            variation=self.variation,
            steps=self.steps,
            side=self.side,
            scales=1,
            start="noise",
            seed=self.seed,
            every=self.steps,
        )
        rebuilt = _last(model, content, style, preprocessing, replace(how, content=30.0, style=0.0))
        grown = _last(model, content, style, preprocessing, replace(how, content=0.0, style=30.0))
        return Carried(
            layer, rebuilt.pixels(), rebuilt.losses["content"], grown.pixels(), grown.losses["style"]
        )


def _last(
    model: nn.Module, content: Tensor, style: Tensor, preprocessing: Preprocessing, how: StyleSettings
) -> Stylised:
    *_, last = stylise(model, content, style, preprocessing, how)
    return last


def _told(
    study: StyleLayersStudy, found: Sequence[Carried], content: Tensor, style: Tensor, notes: Sequence[str]
) -> Findings:
    rows = tuple((each.layer, round(each.content_error, 4), round(each.style_error, 4)) for each in found)
    caption = "Errors of the layer's answers, and of its Gram matrix, relative to those wanted."
    said = "".join(f" {note.capitalize()}." for note in notes)
    numbers = {
        name: str(value) if isinstance(value, Path) else value for name, value in asdict(study).items()
    }
    layers = [
        {"layer": each.layer, "content error": each.content_error, "style error": each.style_error}
        for each in found
    ]
    return Findings(
        "What each layer keeps",
        f"Pictures made from noise for one layer of {study.network} at a time, {study.steps} steps, "
        f"seed {study.seed}: above, until the layer answers as to the content's picture; below, until its "
        f"Gram matrix is that of the style's.{said}",
        Table(("layer", "content error", "style error"), rows, caption),
        carried(found, content.numpy(), style.numpy(), caption),
        {**numbers, "found": layers},
        heading="In pictures",
    )


STUDIES: dict[str, type[Study]] = {"style-layers": StyleLayersStudy}
