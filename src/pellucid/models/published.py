"""Published weights by name, `torchvision/NAME[.WEIGHTS]` and `timm/NAME[.TAG]`, with their preprocessing and
classes.

They are fetched by torchvision's and timm's own loaders, which keep them for the next time and compare the
hashes of what comes. They fit the networks of these libraries, and those of ours that have the same layers;
where names differ, an architecture's file says how, in its table `PUBLISHED`.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from pellucid.models import MODELS
from pellucid.models.naming import check_timm, unknown_tag
from pellucid.models.weights import BROKEN, KeyMap, Weights, read_weights
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError, unknown_name

_SOURCES = ("torchvision", "timm")
# torchvision's own of these bring pictures from ImageNet's mean and deviation back to [-1, 1] as they begin;
# it comes to the same as mean 0.5 and deviation 0.5 at once, and a network need not know.
_CENTRED = ("googlenet", "inception_v3")


def open_weights(source: str | Path) -> Weights:
    """The weights in a file, or published under the name `source`; a file goes before a name.

    Raises `InputError` as `read_weights` does, and for a name that there is not or that cannot be fetched.
    """
    if not is_published(source):
        return read_weights(source)
    library, _, name = Path(source).as_posix().partition("/")
    return _from_torchvision(name) if library == "torchvision" else _from_timm(name)


def is_published(source: str | Path) -> bool:
    """Whether this is a published name, not a file."""
    return Path(source).parts[:1] in {(library,) for library in _SOURCES} and not Path(source).exists()


def key_maps(network: str) -> tuple[KeyMap, ...]:
    """How published weights that fit a network may be called otherwise; for one of torchvision or timm, what
    our network of the same name knows.
    """
    name = network.rpartition("/")[2]
    if name not in MODELS:
        return ()
    published: dict[str, dict[str, KeyMap]] = getattr(MODELS.module(name), "PUBLISHED", {})
    return tuple(dict.fromkeys(published.get(name, {}).values()))


def _from_torchvision(name: str) -> Weights:
    import torchvision

    network, _, tag = name.partition(".")
    modules = (torchvision.models, torchvision.models.segmentation)
    names = [known for module in modules for known in torchvision.models.list_models(module=module)]
    if network not in names:
        raise unknown_name(
            "network with weights", f"torchvision/{network}", [f"torchvision/{other}" for other in names]
        )
    kinds = torchvision.models.get_model_weights(network)
    if tag and tag not in kinds.__members__:
        raise unknown_tag("torchvision", network, tag, [kind.name for kind in kinds])
    chosen = kinds[tag or "DEFAULT"]
    where, kept = f"torchvision/{network}.{chosen.name}", Path(torch.hub.get_dir()) / "checkpoints"
    with _fetching(where, chosen.url, f"fetch it elsewhere and put it into {kept}"):
        state = chosen.get_state_dict(
            progress=sys.stderr.isatty(), check_hash=True, weights_only=True, map_location="cpu"
        )
    preset = chosen.transforms()
    mean, std = ((0.5,) * 3, (0.5,) * 3) if network in _CENTRED else (preset.mean, preset.std)
    preprocessing = Preprocessing(tuple(mean), tuple(std), interpolation=preset.interpolation.value)
    if hasattr(preset, "crop_size"):  # segmenters take pictures of any size
        side = preset.crop_size[0]
        preprocessing = replace(preprocessing, size=(side, side), keep=side / preset.resize_size[0])
    return Weights(state, where, preprocessing, tuple(chosen.meta.get("categories") or ()))


def _from_timm(name: str) -> Weights:
    check_timm(name)
    import timm

    network, _, tag = name.partition(".")
    if not timm.is_model(network):
        raise unknown_name(
            "network with weights", f"timm/{network}", [f"timm/{other}" for other in timm.list_pretrained()]
        )
    tags = [other.partition(".")[2] for other in timm.list_pretrained(f"{network}.*")]
    if tag not in ("", *tags) or not tags:
        raise unknown_tag("timm", network, tag, tags)
    config = timm.get_pretrained_cfg(name)
    where = f"timm/{network}.{config.tag}"
    address = f"https://huggingface.co/{config.hf_hub_id}" if config.hf_hub_id else config.url
    timm.models.set_pretrained_check_hash(True)
    with _fetching(where, address, "fetch its file elsewhere"), torch.random.fork_rng(devices=[]):
        state = timm.create_model(f"{network}.{config.tag}", pretrained=True).state_dict()
    channels, height, width = config.input_size
    preprocessing = Preprocessing(
        tuple(config.mean),
        tuple(config.std),
        channels="L" if channels == 1 else "RGB",
        size=(height, width),
        keep=config.crop_pct,
        interpolation=config.interpolation,
    )
    return Weights(state, where, preprocessing, _classes_of(config))


def _classes_of(config: Any) -> tuple[str, ...]:
    """The classes of timm's weights for ImageNet, the first of each one's names; none for other data."""
    import timm

    if config.label_names:
        return tuple(config.label_names)
    subset = timm.data.infer_imagenet_subset(config.to_dict())
    if subset is None:
        return ()
    known = timm.data.ImageNetInfo(subset)
    return tuple(known.index_to_description(number).partition(",")[0] for number in range(config.num_classes))


@contextlib.contextmanager
def _fetching(what: str, address: str, otherwise: str) -> Iterator[None]:
    """Tell in one line what a loader could not fetch, or could not read of what came. Loaders tell what they
    do on standard output, which is for results.
    """
    with contextlib.redirect_stdout(sys.stderr):
        try:
            yield
        except OSError as error:
            reason = str(getattr(error, "reason", error)).partition("\n")[0]
            raise InputError(
                f"{what} is not on this machine and could not be fetched from {address} ({reason}); "
                f"{otherwise}, or give the file itself as the weights"
            ) from error
        except (*BROKEN, pickle.UnpicklingError) as error:
            raise InputError(
                f"{what}, fetched from {address}, is damaged or not what was published "
                f"({str(error).partition(chr(10))[0]}); fetch it again"
            ) from error
