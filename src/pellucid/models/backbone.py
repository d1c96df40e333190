"""Networks that are built on a classifier, whose trained weights can begin them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from pellucid.inspection.capture import unwrapped
from pellucid.models.naming import build_on_meta
from pellucid.models.weights import KeyMap, Weights, load_state, without_wrappers


class OnBackbone(nn.Module):
    """Its layers whose names begin with one of `adopts` are a classifier's; `adopt` says how its weights are
    called here. By default they stand under `backbone.`, and the classifier's layers whose names begin with
    one of `leaves` have no place.
    """

    adopts: tuple[str, ...] = ("backbone.",)
    leaves: tuple[str, ...] = ()

    def adopt(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """A classifier's weights by the names that they have in this network."""
        return {
            f"backbone.{name}": tensor
            for name, tensor in state.items()
            if not f"{name}.".startswith(self.leaves)
        }


def adopted(model: nn.Module, weights: Weights, maps: Sequence[KeyMap] = ()) -> dict[str, Tensor] | None:
    """`weights` by the names that they have in `model`, if they are those of the classifier that it is built
    on; None if they are others. `maps` may bring the classifier's names to ours.
    """
    inner = unwrapped(model)
    if not isinstance(inner, OnBackbone):
        return None
    own = inner.state_dict().keys()
    state = without_wrappers(dict(weights.state), own)
    candidates = [state, *({rename(name): tensor for name, tensor in state.items()} for rename in maps)]
    found = max(map(inner.adopt, candidates), key=lambda named: len(own & named.keys()))
    return found if len(own & found.keys()) >= max(1, len(own & state.keys())) else None


def load_backbone(model: nn.Module, weights: Weights, maps: Sequence[KeyMap] = ()) -> bool:
    """Copy `weights` into the classifier that `model` is built on, and leave the rest as it is; False, and
    nothing done, where they are no classifier's. Raises `InputError` that tells which names and shapes
    differ.
    """
    inner, state = unwrapped(model), adopted(model, weights, maps)
    if not isinstance(inner, OnBackbone) or state is None:
        return False
    rest = [name for name in inner.state_dict() if not name.startswith(inner.adopts)]
    load_state(inner, state, weights.where, but=rest)
    return True


def are_of_backbone(weights: Weights, network: str, maps: Sequence[KeyMap] = ()) -> bool:
    """Whether `weights` are of the classifier that the network called so is built on."""
    model = build_on_meta(network, inputs=(3, 64, 64), outputs=2)
    return adopted(model, weights, maps) is not None
