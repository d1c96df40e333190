"""One canvas, and what it takes to make it better."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from pellucid.synthesis.onlooker import Onlooker
from pellucid.synthesis.style_loss import Wanted, content_loss, outside, style_loss, total_variation
from pellucid.synthesis.style_settings import StyleSettings
from pellucid.types.errors import InputError

_FENCE = 100.0  # what leaving [0, 1] costs: the weight of its mean square
_HISTORY = 20  # steps that L-BFGS remembers
_SETTLING = 0.25  # of Adam's steps, the last, grow smaller and smaller
_LOSS_TOLERANCE, _COSINE = 0.03, 0.9  # within which bf16 agrees with fp32


class Painting:
    """`canvas` (1, c, h, w), which is optimised from `start` on until the onlooker answers to it what is
    wanted for content and, as Gram matrices, for style; what is empty is not asked for.
    """

    def __init__(
        self, onlooker: Onlooker, start: Tensor, content: Wanted, style: Wanted, how: StyleSettings
    ) -> None:
        self._onlooker, self._content, self._style, self._how = onlooker, content, style, how
        self.canvas = start.detach().clone().requires_grad_()
        self.losses: dict[str, float] = {}
        self.evaluations = 0

    def steps(self, count: int) -> Iterator[int]:
        """Make `count` steps; stops at every `every`-th and at the last to say how many are done."""
        every = self._how.every
        lbfgs = self._how.optimiser == "lbfgs"
        optimiser = self._lbfgs() if lbfgs else torch.optim.Adam([self.canvas], lr=self._how.lr)
        done = 0
        while done < count:
            many = min(every, count - done)
            with torch.inference_mode(False), torch.enable_grad():
                if lbfgs:
                    optimiser.param_groups[0].update(max_iter=many, max_eval=2 * many)
                    optimiser.step(self._evaluated)  # type: ignore[arg-type]  # a number as a tensor will do
                else:
                    for step in range(done, done + many):
                        self._evaluated()
                        rate = min(1.0, (count - step) / (_SETTLING * count))
                        optimiser.param_groups[0]["lr"] = self._how.lr * rate
                        optimiser.step()
            done += many
            yield done

    def _lbfgs(self) -> torch.optim.Optimizer:
        return torch.optim.LBFGS(
            [self.canvas],
            history_size=_HISTORY,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

    def _evaluated(self) -> Tensor:
        """The loss of the canvas as it is, with its gradient in `canvas.grad`."""
        loss, self.canvas.grad = self.evaluate()
        return loss

    def evaluate(self) -> tuple[Tensor, Tensor]:
        """The weighted loss of the canvas and its gradient. Raises `InputError` where it is not finite."""
        with torch.enable_grad():
            losses = self._losses(self.canvas)
            weights = {name: getattr(self._how, name) for name in losses}
            total = _FENCE * outside(self.canvas)
            for name, loss in losses.items():
                total = total + weights[name] * loss
            (gradient,) = torch.autograd.grad(total, self.canvas)
        self.evaluations += 1
        self.losses = {name: float(loss.detach()) for name, loss in losses.items()}
        if not torch.isfinite(total):
            raise InputError(
                f"the loss overflowed after {self.evaluations} evaluations ({self._words()}); take smaller "
                "weights, or a network with trained weights"
            )
        return total.detach(), gradient.contiguous()

    def measured(self, picture: Tensor) -> dict[str, float]:
        """The losses of another picture of the canvas's size."""
        return {name: float(loss) for name, loss in self._losses(picture).items()}

    def _losses(self, picture: Tensor) -> dict[str, Tensor]:
        seen = self._onlooker(picture, (*self._content, *self._style))
        losses = {}
        if self._content:
            losses["content"] = content_loss(seen, self._content).mean()
        if self._style:
            losses["style"] = style_loss(seen, self._style).mean()
        losses["variation"] = total_variation(picture).mean()
        return losses

    def _words(self) -> str:
        return ", ".join(f"{name} {value:.3g}" for name, value in self.losses.items())


def disagreement(exact: Painting, quick: Painting) -> str:
    """Why the quick one's precision will not do, judged by loss and gradient of the same canvas; "" if it
    will.
    """
    (loss, gradient), (quick_loss, quick_gradient) = exact.evaluate(), quick.evaluate()
    cosine = float(torch.cosine_similarity(gradient.flatten(), quick_gradient.flatten(), dim=0))
    off = float((quick_loss - loss).abs() / loss.abs().clamp(min=1e-12))
    if off <= _LOSS_TOLERANCE and cosine >= _COSINE:
        return ""
    return (
        f"bf16 disagrees with fp32 on the first canvas (loss {100 * off:.1f} % apart, cosine of the "
        f"gradients {cosine:.2f}): painted in fp32"
    )
