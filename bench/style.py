"""Style transfer: what one evaluation of loss and gradient costs, 256², beside the loop that tutorials show.

The plain loop runs the whole of the network's features in float32, keeps what hooks tell, and multiplies Gram
matrices as autograd takes them; Pellucid's stops at the deepest layer asked for, works in bf16 where the
processor is quick in it, and keeps channels last. Both have the same layers, the same two pictures,
and losses by the same formula. Weights are random: they cost the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from functools import partial

import torch
import torchvision
from torch import Tensor, nn

from bench.measure import Options, Turns, Work, timed
from pellucid.inspection.capture import Key
from pellucid.ops.normalisation import normalised
from pellucid.recipes.recipe import IMAGENET
from pellucid.synthesis.onlooker import Onlooker
from pellucid.synthesis.style_descent import Painting
from pellucid.synthesis.style_layers import chosen_layers
from pellucid.synthesis.style_loss import gram
from pellucid.synthesis.style_settings import StyleSettings
from pellucid.types.data_info import Preprocessing

SIDE = 256
HOW = StyleSettings()
SEEN = Preprocessing(*IMAGENET, size=(224, 224))


def works(options: Options) -> Iterator[Work]:
    generator = torch.Generator().manual_seed(0)
    content, style = torch.rand(2, 1, 3, SIDE, SIDE, generator=generator).unbind()
    for name in ("squeezenet1_0", "vgg19"):
        torch.manual_seed(0)
        model = _features(name)
        layers = chosen_layers(model, SEEN)
        plain = Plain(model, content, style, *layers)
        ours = {each: _painting(model, content, style, layers, each) for each in ("fp32", "bf16")}
        turns = {"plain fp32": timed(plain.evaluate)} | {
            f"pellucid {precision}": timed(painting.evaluate) for precision, painting in ours.items()
        }
        loss, gradient = plain.evaluate()
        yield Work(
            f"style: {name}, one evaluation at {SIDE}²",
            "evaluations",
            1,
            turns,
            options.rounds,
            findings=partial(_findings, loss, gradient, ours["bf16"]),
        )


def _features(name: str) -> nn.Module:
    """The convolutions, in evaluation mode; a classifier of VGG's would only fill memory."""
    features = (
        torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["E"])
        if name == "vgg19"
        else torchvision.models.get_model(name, weights=None).features
    )
    return nn.Sequential(OrderedDict(features=features)).eval().requires_grad_(False)


def _painting(
    model: nn.Module,
    content: Tensor,
    style: Tensor,
    layers: tuple[tuple[Key, ...], tuple[Key, ...]],
    precision: str,
) -> Painting:
    onlooker = Onlooker(model, SEEN, precision)
    with torch.no_grad():
        shown = {key: maps.float() for key, maps in onlooker(content, layers[0]).items()}
        painted = {key: gram(maps) for key, maps in onlooker(style, layers[1]).items()}
    return Painting(onlooker, 0.5 * (content + style), shown, painted, HOW)


class Plain:
    """The usual loop: hooks, the whole forward pass, F @ F.T."""

    def __init__(
        self,
        model: nn.Module,
        content: Tensor,
        style: Tensor,
        shown: tuple[Key, ...],
        painted: tuple[Key, ...],
    ) -> None:
        self._model, self._seen = model, dict[str, Tensor]()
        modules = dict(model.named_modules())
        for name in {name for name, _ in (*shown, *painted)}:
            modules[name].register_forward_hook(partial(self._keep, name))
        self._run(content)
        self._shown = {name: self._seen[name].clone() for name, _ in shown}
        self._run(style)
        self._painted = {name: self._gram(self._seen[name]) for name, _ in painted}
        self.canvas = (0.5 * (content + style)).requires_grad_()

    def evaluate(self) -> tuple[Tensor, Tensor]:
        self._run(self.canvas)
        content = [self._apart(self._seen[name], wanted) for name, wanted in self._shown.items()]
        style = [self._apart(self._gram(self._seen[name]), wanted) for name, wanted in self._painted.items()]
        down = (self.canvas[..., 1:, :] - self.canvas[..., :-1, :]).square().sum()
        right = (self.canvas[..., 1:] - self.canvas[..., :-1]).square().sum()
        loss = HOW.content * torch.stack(content).mean() + HOW.style * torch.stack(style).mean()
        loss = loss + HOW.variation * (down + right) / self.canvas.numel()
        (gradient,) = torch.autograd.grad(loss, self.canvas)
        return loss.detach(), gradient

    def _run(self, picture: Tensor) -> None:
        self._model(normalised(picture * 255, SEEN))

    def _keep(self, name: str, module: nn.Module, given: object, output: Tensor) -> None:
        self._seen[name] = output

    def _gram(self, maps: Tensor) -> Tensor:
        flat = maps.flatten(2)
        return flat @ flat.mT / flat.shape[2]

    def _apart(self, found: Tensor, wanted: Tensor) -> Tensor:
        return (found - wanted).square().sum() / wanted.square().sum()


def _findings(loss: Tensor, gradient: Tensor, ours: Painting, turns: Turns) -> dict[str, object]:
    del turns
    own_loss, own_gradient = ours.evaluate()
    return {
        "loss, bf16 / plain": float(own_loss / loss),
        "cosine of the gradients, bf16 and plain": float(
            torch.cosine_similarity(gradient.flatten(), own_gradient.flatten(), dim=0)
        ),
    }
