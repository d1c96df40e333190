"""What is to be explained: a number that the network's output gives, one for each picture."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pellucid.types.batch import leaves
from pellucid.types.errors import InputError

Scorer = Callable[[Any, Tensor], Tensor]
"""(an output of n rows, of which picture each row is (n,)) → n numbers."""


@dataclass(frozen=True, eq=False)
class Settled:
    """A target settled for one batch of pictures: `texts` say in words what is explained of each.

    It takes outputs of the same pictures, whole or altered, in any number: `rows` (n,) says of which picture
    each of an output's n rows is; without it they are the batch itself. It gives (n,) numbers in the dtype of
    the output, at least float32, and lets gradients through.
    """

    texts: tuple[str, ...]
    scorer: Scorer

    def __call__(self, output: Any, rows: Tensor | None = None) -> Tensor:
        rows = torch.arange(len(self.texts)) if rows is None else rows
        score = self.scorer(output, rows)
        if not isinstance(score, Tensor) or score.shape != rows.shape:
            came = tuple(score.shape) if isinstance(score, Tensor) else type(score).__name__
            raise InputError(
                f"a target gives one number for each picture, ({len(rows)},); {self.texts[0]!r} gave {came}"
            )
        return score if score.dtype == torch.float64 else score.float()


@dataclass(frozen=True, eq=False)
class Target:
    """`score` takes the network's output to one number for each picture, (b,); `text` says in words what it
    is. `settle`, for targets that look at an output to know what they mean – "the likeliest class" – fixes
    that meaning for a batch; without it, `score` is the meaning.

    Targets add, subtract and scale: `class_logit(3) - class_logit(5)` is why the one and not the other, and
    `0.5 * class_logit(3)` half as much. Any callable of an output will do: `Target("text", function)`.
    """

    text: str
    score: Callable[[Any], Tensor]
    settle: Callable[[Any], Settled] | None = None

    def __call__(self, output: Any) -> Tensor:
        return self.score(output)

    def settled(self, output: Any) -> Settled:
        """What is explained of each of the pictures that gave `output`."""
        if self.settle is not None:
            return self.settle(output)
        score = self.score(output)
        count = len(score) if isinstance(score, Tensor) and score.ndim else 1
        return Settled((self.text,) * count, lambda altered, rows: self.score(altered))

    def __add__(self, other: Target) -> Target:
        return _combined(f"{self.text} + {other.text}", "{} + {}", torch.add, self, other)

    def __sub__(self, other: Target) -> Target:
        return _combined(f"{self.text} − {other.text}", "{} − {}", torch.sub, self, other)

    def __mul__(self, factor: float) -> Target:
        def settle(output: Any) -> Settled:
            one = self.settled(output)
            texts = tuple(f"{factor:g} × ({text})" for text in one.texts)
            return Settled(texts, lambda altered, rows: factor * one.scorer(altered, rows))

        text = f"{factor:g} × ({self.text})"
        return Target(text, lambda output: factor * self(output), settle)

    __rmul__ = __mul__

    def __neg__(self) -> Target:
        return -1.0 * self


def _combined(
    text: str, words: str, combine: Callable[[Tensor, Tensor], Tensor], one: Target, other: Target
) -> Target:
    def settle(output: Any) -> Settled:
        left, right = one.settled(output), other.settled(output)
        texts = tuple(words.format(*pair) for pair in zip(left.texts, right.texts, strict=True))
        return Settled(
            texts, lambda altered, rows: combine(left.scorer(altered, rows), right.scorer(altered, rows))
        )

    return Target(text, lambda output: combine(one(output), other(output)), settle)


def class_logit(number: int, classes: Sequence[str] = ()) -> Target:
    """The output of class `number`, before any softmax: (b, classes) → (b,).

    Where the network gives a map (b, classes, h, w), the sum of it over the pixels of which the network says
    this class (Seg-Grad-CAM: Vinogradova et al. 2020). `classes` are names by number, for the words.
    """

    def settle(output: Any) -> Settled:
        found = main_output(output)
        return _of_classes(found, _checked(found, number).expand(len(found)), classes)

    return Target(_name(number, classes), lambda output: settle(output)(output), settle)


def likeliest(classes: Sequence[str] = (), place: int = 1) -> Target:
    """Of each picture the class that the network finds likeliest, or with `place` 2 the next, and so on.

    A network with a single output has no classes: then it is that number. Of a map (b, classes, h, w) it is
    the class of most pixels, summed over these.
    """
    text = "likeliest class" if place == 1 else f"class in place {place}"

    def settle(output: Any) -> Settled:
        found = main_output(output)
        if found.ndim == 1 or found.shape[1] == 1:
            return Settled(("the network's one output",) * len(found), lambda altered, _: _single(altered))
        counts = found.detach()
        if found.ndim > 2:
            said = counts.argmax(1).flatten(1)
            counts = torch.stack([(said == number).sum(1) for number in range(found.shape[1])], 1)
        if not 1 <= place <= counts.shape[1]:
            raise InputError(f"the network tells {counts.shape[1]} classes apart; none is in place {place}")
        order = counts.sort(dim=1, descending=True, stable=True).indices
        return _of_classes(found, order[:, place - 1], classes)

    return Target(text, lambda output: settle(output)(output), settle)


def region(number: int, mask: Tensor, classes: Sequence[str] = ()) -> Target:
    """Class `number` of a map (b, classes, h, w), summed over a region: `mask` (h, w) or (b, h, w), bool or
    weights.
    """

    def settle(output: Any) -> Settled:
        found = main_output(output)
        _checked(found, number)
        if found.ndim != 4 or mask.shape[-2:] != found.shape[2:] or mask.ndim not in (2, 3):
            raise InputError(
                f"a region is a mask over the network's map, (h, w); the network gives {tuple(found.shape)} "
                f"and the mask is {tuple(mask.shape)}"
            )
        masks = mask.to(found.device).expand(len(found), *mask.shape[-2:])
        texts = (f"{_name(number, classes)} in a region of {int((mask != 0).sum())} pixels",) * len(found)
        return Settled(
            texts,
            lambda altered, rows: (
                (main_output(altered)[:, number] * masks[rows.to(masks.device)]).flatten(1).sum(1)
            ),
        )

    return Target(f"{_name(number, classes)} in a region", lambda output: settle(output)(output), settle)


def similarity(reference: Tensor, text: str = "the reference") -> Target:
    """The cosine similarity, in [-1, 1], of an embedding (b, d) to `reference`, (d,): what makes a picture
    like another one.
    """

    def score(output: Any) -> Tensor:
        found = main_output(output)
        if found.ndim != 2 or found.shape[1:] != reference.shape:
            raise InputError(
                f"the reference of a similarity is one embedding of the network, {tuple(found.shape[1:])}; "
                f"got {tuple(reference.shape)}"
            )
        return F.cosine_similarity(found.float(), reference.to(found.device).float()[None], dim=1)

    return Target(f"likeness to {text}", score)


_MAIN = ("logits", "out", "pred_logits", "image_embeds", "pooler_output", "output")


def main_output(output: Any) -> Tensor:
    """The tensor that counts, where a network gives several: the one called logits, out, …, the only one, or
    the first of a plain tuple. Raises `InputError` where none stands out.
    """
    if isinstance(output, Tensor):
        return output
    named = _named(output)
    for name in _MAIN:
        if isinstance(named.get(name), Tensor):
            return named[name]  # type: ignore[no-any-return]
    found = leaves(Tensor, output)
    if len(found) == 1 or (found and isinstance(output, (tuple, list)) and isinstance(output[0], Tensor)):
        return found[0]
    members = f" with {', '.join(map(str, named))}" if named else ""
    raise InputError(
        f"the network gives a {type(output).__name__}{members}, of which no part is plainly its answer; "
        "say which number to explain: Target('in words', lambda output: …)"
    )


def said_of_output(output: Any) -> tuple[str, ...]:
    """A note for the reader where `main_output` chose among several."""
    found = leaves(Tensor, output)
    if isinstance(output, Tensor) or len(found) < 2:
        return ()
    name = next((name for name in _MAIN if isinstance(_named(output).get(name), Tensor)), None)
    which = f"{name!r}" if name else "the first"
    return (f"of the {len(found)} tensors that the network gives, {which} is taken for its answer",)


def _named(output: Any) -> Mapping[str, Any]:
    if isinstance(output, Mapping):
        return output
    return output._asdict() if hasattr(output, "_asdict") else {}


def _single(output: Any) -> Tensor:
    found = main_output(output)
    return found.reshape(len(found), -1).sum(1)


def spoken(name: str) -> str:
    """A class's name as one says it: without ImageNet's number in front, with spaces."""
    return re.sub(r"^n\d{8}[_ -]", "", name).replace("_", " ")


def _name(number: int, classes: Sequence[str]) -> str:
    return f"{spoken(classes[number])} ({number})" if 0 <= number < len(classes) else f"class {number}"


def _checked(found: Tensor, number: int) -> Tensor:
    count = found.shape[1] if found.ndim > 1 else 1
    if not 0 <= number < count:
        raise InputError(
            f"the network gives {count} number{'s' * (count > 1)}, 0 to {count - 1}; "
            f"there is no class {number} to explain"
        )
    return torch.tensor(number, device=found.device)


def _of_classes(found: Tensor, numbers: Tensor, classes: Sequence[str]) -> Settled:
    """Of picture i the class `numbers[i]`, with its pixels as they are in `found` now."""
    texts = tuple(_name(number, classes) for number in numbers.tolist())
    if found.ndim == 1:
        return Settled(texts, lambda altered, _: _single(altered))
    if found.ndim == 2:
        return Settled(
            texts,
            lambda altered, rows: (
                main_output(altered).gather(1, numbers[rows.to(numbers.device), None]).squeeze(1)
            ),
        )
    where = found.detach().argmax(1) == numbers.reshape(-1, *(1,) * (found.ndim - 2))
    shares = where.flatten(1).sum(1).tolist()
    texts = tuple(f"{text}, where it is said ({n:,} pixels)" for text, n in zip(texts, shares, strict=True))

    def score(altered: Any, rows: Tensor) -> Tensor:
        rows = rows.to(numbers.device)
        maps = main_output(altered)
        chosen = maps[torch.arange(len(rows), device=numbers.device), numbers[rows]]
        return (chosen * where[rows]).flatten(1).sum(1)

    return Settled(texts, score)
