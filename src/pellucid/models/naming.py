"""From a model's name to the network: ours, torchvision's, timm's, or a user's own file."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import torch
from torch import nn

from pellucid.models import CONDITIONAL, MODELS, PICTURES, SEGMENTATION
from pellucid.models.shapes import picture_shape
from pellucid.models.user_file import build_from_file
from pellucid.types.errors import InputError, unknown_name

# Some of torchvision's networks have auxiliary heads, and then give several outputs, unless told not to.
_TORCHVISION_OPTIONS: dict[str, dict[str, bool]] = {
    "googlenet": {"aux_logits": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "init_weights": True},
}
# Its segmenters and detectors, told without importing it.
_SEGMENTERS = ("deeplabv3_", "fcn_", "lraspp_")
_DETECTORS = ("fasterrcnn_", "fcos_", "keypointrcnn_", "maskrcnn_", "retinanet_", "ssd300_", "ssdlite320_")

_KEPT = "network.py"


def build_model(name: str, *, inputs: tuple[int, ...], outputs: int, conditions: int = 0) -> nn.Module:
    """A freshly initialised network for inputs of one shape that gives `outputs` numbers.

    `inputs` is (channels, height, width) or (features,). `name` is one of `MODELS`, `torchvision/NAME`,
    `timm/NAME`, `unet/NAME` (a U-Net on the classifier of that name, also `unet/timm/NAME`), or
    `path/to/file.py:factory`, where `factory(inputs=…, outputs=…)` returns an `nn.Module`. `conditions` is
    the number of the data's classes, for networks that are told them (`CONDITIONAL`).
    Raises `InputError` for whatever is wrong with the name or the file, or if they do not fit the inputs.
    """
    if outputs < 1:
        raise InputError(f"{name} has to give at least one number for an input; got {outputs} outputs")
    path, _, function = name.rpartition(":")
    if path.endswith(".py"):
        return build_from_file(Path(path), function, inputs=inputs, outputs=outputs)
    if name.endswith(".py"):
        raise InputError(f"which function of {name} builds the network? Name it: {name}:FUNCTION")
    source, slash, rest = name.partition("/")
    if slash and source == "torchvision":
        return _from_torchvision(rest, inputs=inputs, outputs=outputs)
    if slash and source == "timm":
        return _from_timm(rest, inputs=inputs, outputs=outputs)
    if slash and source == "unet":
        return _unet_on(rest, inputs=inputs, outputs=outputs)
    if name in CONDITIONAL and conditions:
        return MODELS[name](inputs=inputs, outputs=outputs, conditions=conditions)
    return MODELS[name](inputs=inputs, outputs=outputs)


def gives_maps(name: str) -> bool | None:
    """Whether the network gives a number for each class and pixel; False if for each class alone, and None
    for those that give pictures, and a user's own, of which that is not known.
    """
    if ".py" in name or name in PICTURES:
        return None
    return name in SEGMENTATION or name.startswith(("unet/", *_of_torchvision(_SEGMENTERS)))


def gives_boxes(name: str) -> bool:
    """Whether the network is a detector."""
    return name.startswith(_of_torchvision(_DETECTORS))


def _of_torchvision(beginnings: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"torchvision/{each}" for each in beginnings)


def build_on_meta(name: str, *, inputs: tuple[int, ...], outputs: int) -> nn.Module:
    """`build_model` without values, so that giants are built at once; with them where the network looks at
    values while it is built (RegNet works out its widths).
    """
    try:
        with torch.device("meta"):
            return build_model(name, inputs=inputs, outputs=outputs)
    except (RuntimeError, InputError):  # what was no matter of values is raised again here
        return build_model(name, inputs=inputs, outputs=outputs)


def set_dropout(model: nn.Module, p: float) -> None:
    """Drop with probability `p` in [0, 1) in every dropout layer of `model`."""
    if not 0 <= p < 1:
        raise InputError(f"dropout is a probability in [0, 1), got {p}")
    layers = [module for module in model.modules() if isinstance(module, nn.modules.dropout._DropoutNd)]
    if not layers:
        raise InputError(
            f"{type(model).__name__} has no dropout layer, so dropout {p} cannot be set; leave it unset"
        )
    for layer in layers:
        layer.p = p


def _from_torchvision(name: str, *, inputs: tuple[int, ...], outputs: int) -> nn.Module:
    import torchvision

    channels, _, _ = picture_shape(inputs)
    homes = (torchvision.models, torchvision.models.segmentation, torchvision.models.detection)
    names = [known for home in homes for known in torchvision.models.list_models(module=home)]
    if name not in names:
        raise unknown_name("model", f"torchvision/{name}", [f"torchvision/{other}" for other in names])
    if channels != 3:
        raise InputError(
            f"torchvision/{name} takes pictures with 3 channels, these have {channels}: have the data read "
            "as RGB, or take one of `pellucid list models` or timm/…, which take any number"
        )
    options: dict[str, bool | None] = {**_TORCHVISION_OPTIONS.get(name, {})}
    if name.startswith((*_SEGMENTERS, *_DETECTORS)):
        options["weights_backbone"] = None  # which would be fetched
    model: nn.Module = torchvision.models.get_model(name, weights=None, num_classes=outputs, **options)
    return model


def _from_timm(name: str, *, inputs: tuple[int, ...], outputs: int) -> nn.Module:
    channels, _, _ = picture_shape(inputs)
    check_timm(name)
    import timm

    if not timm.is_model(name):
        raise unknown_name("model", f"timm/{name}", [f"timm/{other}" for other in timm.list_models()])
    network, _, tag = name.partition(".")
    if tag and not timm.list_pretrained(name):
        tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{network}.*")]
        raise unknown_tag("timm", network, tag, tags)
    model: nn.Module = timm.create_model(name, pretrained=False, num_classes=outputs, in_chans=channels)
    return model


def unknown_tag(library: str, network: str, tag: str, tags: list[str]) -> InputError:
    """The error for weights called `tag` that are not among those published for a network."""
    there = f"there are {', '.join(tags)}" if tags else "there are none for it"
    return InputError(f"no weights {tag!r} are published for {library}/{network}; {there}")


def _unet_on(name: str, *, inputs: tuple[int, ...], outputs: int) -> nn.Module:
    from pellucid.models.pyramid import SIDE
    from pellucid.models.unet_on_backbone import UNetOnBackbone

    channels, _, _ = picture_shape(inputs)
    if gives_maps(name):
        raise InputError(f"unet/{name}: {name} is no classifier, which a U-Net could be built on")
    # Its classifier goes, and with it the only part that the number of outputs or the size could matter to.
    backbone = build_model(name, inputs=(channels, SIDE, SIDE), outputs=1)
    return UNetOnBackbone(backbone, name=name, channels=channels, outputs=outputs)


def check_timm(name: str) -> None:
    """Raise `InputError` where timm, which `name` is to come from, is not installed."""
    if importlib.util.find_spec("timm") is None:
        raise InputError(f"timm/{name} needs timm, which is not installed: pip install 'pellucid[timm]'")


def keep_source(name: str, folder: Path) -> None:
    """Copy the file of a network `path/to/file.py:factory` into `folder`; nothing to do for other names."""
    path, _, _ = name.rpartition(":")
    if path.endswith(".py"):
        shutil.copyfile(path, folder / _KEPT)


def source_of(name: str, folder: Path) -> str:
    """`name`, or for a file that is no longer where it was, the copy that `keep_source` made in `folder`."""
    path, _, factory = name.rpartition(":")
    moved = path.endswith(".py") and not Path(path).exists() and (folder / _KEPT).exists()
    return f"{folder / _KEPT}:{factory}" if moved else name
