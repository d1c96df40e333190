"""Published weights by name, through torchvision's and timm's own loaders, fetched from files here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from PIL import Image
from timm.data import create_transform
from timm.models import _registry as timm_registry
from torch import Tensor, nn
from torchvision.models import WeightsEnum

from pellucid.data.decode import load_picture
from pellucid.data.loading import normalise
from pellucid.models.backbone import load_backbone
from pellucid.models.naming import build_model
from pellucid.models.published import is_published, key_maps, open_weights
from pellucid.models.weights import load_state
from pellucid.types.batch import Batch
from pellucid.types.data_info import Preprocessing
from pellucid.types.errors import InputError

Publish = Callable[..., Path]


def saved(state: object, folder: Path, digest: str = "") -> Path:
    """A file whose name ends in the beginning of its hash, as loaders expect."""
    path = folder / "weights.pth"
    torch.save(state, path)
    digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    return path.rename(folder / f"weights-{digest}.pth")


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where weights are kept: nothing is there yet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "kept"))
    (tmp_path / "web").mkdir()
    return tmp_path


@pytest.fixture
def publish(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Puts a state dict where torchvision fetches the weights `tag` of `network` from."""

    def put(state: object, network: str, tag: str, digest: str = "") -> Path:
        path = saved(state, machine / "web", digest)
        chosen = torchvision.models.get_model_weights(network)[tag]
        monkeypatch.setattr(chosen.value, "url", path.as_uri())
        return path

    return put


@pytest.fixture
def publish_timm(machine: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """The same for timm."""

    def put(state: object, name: str, digest: str = "") -> Path:
        path = saved(state, machine / "web", digest)
        config = replace(timm.get_pretrained_cfg(name), url=path.as_uri(), hf_hub_id=None)
        monkeypatch.setitem(timm_registry._model_pretrained_cfgs, name, config)
        return path

    return put


def squeezenet(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return torchvision.models.squeezenet1_1()


def loaded(network: str, source: str, *, size: int = 64, outputs: int = 1000) -> nn.Module:
    model = build_model(network, inputs=(3, size, size), outputs=outputs)
    weights = open_weights(source)
    load_state(model, weights.state, weights.where, maps=key_maps(network))
    return model


def test_torchvisions_bring_preprocessing_and_classes(
    publish: Publish, capsys: pytest.CaptureFixture
) -> None:
    theirs = squeezenet()
    publish(theirs.state_dict(), "squeezenet1_1", "IMAGENET1K_V1")
    found = open_weights("torchvision/squeezenet1_1")  # its default
    assert found.where == "torchvision/squeezenet1_1.IMAGENET1K_V1"
    assert found.preprocessing == Preprocessing(
        (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), size=(224, 224), keep=224 / 256
    )
    assert (len(found.classes), found.classes[0], found.classes[-1]) == (1000, "tench", "toilet tissue")
    torch.testing.assert_close(dict(found.state), dict(theirs.state_dict()), rtol=0, atol=0)
    said = capsys.readouterr()
    assert said.out == "", "standard output is for results"
    assert "Downloading" in said.err


def test_they_are_kept_and_need_no_network_again(publish: Publish) -> None:
    path = publish(squeezenet().state_dict(), "squeezenet1_1", "IMAGENET1K_V1")
    first = open_weights("torchvision/squeezenet1_1.IMAGENET1K_V1")
    path.unlink()
    again = open_weights("torchvision/squeezenet1_1.IMAGENET1K_V1")
    torch.testing.assert_close(dict(again.state), dict(first.state), rtol=0, atol=0)


def test_without_network_or_copy_it_is_said_what_to_do(publish: Publish, machine: Path) -> None:
    path = publish(squeezenet().state_dict(), "squeezenet1_1", "IMAGENET1K_V1")
    path.unlink()
    with pytest.raises(InputError) as error:
        open_weights("torchvision/squeezenet1_1")
    said = str(error.value)
    assert said.startswith(
        f"torchvision/squeezenet1_1.IMAGENET1K_V1 is not on this machine and could not be fetched from "
        f"{path.as_uri()} ("
    )
    kept = machine / "kept" / "hub" / "checkpoints"
    assert said.endswith(f"put it into {kept}, or give the file itself as the weights")
    assert "\n" not in said


def test_what_has_another_hash_is_refused(publish: Publish, machine: Path) -> None:
    publish(squeezenet().state_dict(), "squeezenet1_1", "IMAGENET1K_V1", digest="0123abcd")
    with pytest.raises(InputError, match=r"not what was published .*invalid hash value"):
        open_weights("torchvision/squeezenet1_1")
    assert not any((machine / "kept" / "hub" / "checkpoints").iterdir()), "it is not kept"


def test_nothing_is_unpickled(publish: Publish) -> None:
    publish({"state_dict": Path("a python object")}, "squeezenet1_1", "IMAGENET1K_V1")
    with pytest.raises(InputError, match="not what was published"):
        open_weights("torchvision/squeezenet1_1")


@pytest.mark.parametrize("network", ["torchvision/resnet18", "resnet18"])
def test_torchvisions_in_their_network_and_in_ours(publish: Publish, network: str) -> None:
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18().eval()
    publish(theirs.state_dict(), "resnet18", "IMAGENET1K_V1")
    ours = loaded(network, "torchvision/resnet18.IMAGENET1K_V1").eval()
    x = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(ours(x), theirs(x), rtol=0, atol=1e-5)


def test_weights_of_another_network(publish: Publish) -> None:
    publish(squeezenet().state_dict(), "squeezenet1_1", "IMAGENET1K_V1")
    with pytest.raises(InputError) as error:
        loaded("torchvision/alexnet", "torchvision/squeezenet1_1")
    said = str(error.value)
    assert said.startswith(
        "torchvision/squeezenet1_1.IMAGENET1K_V1 does not hold the weights of this AlexNet; "
    )
    for part in (
        "12 missing: features.3.weight",
        "48 unexpected: features.3.squeeze.weight",
        "3 of another shape",
    ):
        assert part in said


def test_older_names_in_torchvisions_files(publish: Publish) -> None:
    """Its files of DenseNet are older than its network; only names are at stake."""
    with torch.device("meta"):
        theirs = torchvision.models.densenet121().state_dict()
    older = {
        name.replace("norm1.", "norm.1.").replace("norm2.", "norm.2.")
        .replace("conv1.", "conv.1.").replace("conv2.", "conv.2.") if "denselayer" in name else name: tensor
        for name, tensor in theirs.items()
    }  # fmt: skip
    assert len(older.keys() - theirs.keys()) > 500
    for network in ("densenet121", "torchvision/densenet121"):
        with torch.device("meta"):
            model = build_model(network, inputs=(3, 64, 64), outputs=1000)
        load_state(model, older, "the file", maps=key_maps(network))


def test_networks_that_centre_pictures_themselves_get_them_centred(publish: Publish) -> None:
    with torch.device("meta"):
        theirs = torchvision.models.googlenet(transform_input=True, init_weights=False, aux_logits=True)
    state = {name: torch.zeros(()).expand(tensor.shape) for name, tensor in theirs.state_dict().items()}
    publish(state, "googlenet", "IMAGENET1K_V1")
    weights = open_weights("torchvision/googlenet")
    pictures = torch.arange(256, dtype=torch.uint8).expand(1, 3, 1, 256)
    imagenet = torchvision.models.GoogLeNet_Weights.IMAGENET1K_V1.transforms()
    mean, std = (torch.tensor(numbers).view(3, 1, 1) for numbers in (imagenet.mean, imagenet.std))
    expected = theirs._transform_input((pictures / 255 - mean) / std)
    torch.testing.assert_close(prepared(pictures, weights.preprocessing), expected, rtol=0, atol=1e-5)
    # Ours has the auxiliary classifiers that the file has, torchvision's is built without.
    for network in ("googlenet-bn", "torchvision/googlenet"):
        with torch.device("meta"):
            model = build_model(network, inputs=(3, 64, 64), outputs=1000)
        names = {name: tensor.to("meta") for name, tensor in weights.state.items()}
        load_state(model, names, weights.where, maps=key_maps(network))


def prepared(pictures: Tensor, preprocessing: Preprocessing | None) -> Tensor:
    assert preprocessing is not None
    batch = Batch(pictures, torch.zeros(len(pictures)), torch.arange(len(pictures)))
    return normalise(batch, preprocessing).inputs


@pytest.fixture
def photograph(machine: Path) -> Path:
    """Smooth, so that a shift of half a pixel is no great difference."""
    coarse = np.random.default_rng(0).integers(0, 256, (3, 4, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC).save(machine / "photograph.png")
    return machine / "photograph.png"


def assert_alike(ours: Tensor, theirs: Tensor, preprocessing: Preprocessing | None) -> None:
    """In grey levels: both round, and cut the centre out to half a pixel."""
    assert preprocessing is not None
    assert ours.shape == theirs.shape
    levels = (ours - theirs).abs() * torch.tensor(preprocessing.std).view(3, 1, 1) * 255
    assert levels.mean() < 1
    assert levels.max() < 5


def test_every_preprocessing_of_torchvision_is_ours(
    photograph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda self, **_: {})
    names = torchvision.models.list_models(module=torchvision.models)
    seen = set()
    for name in names:
        for chosen in torchvision.models.get_model_weights(name):
            found = open_weights(f"torchvision/{name}.{chosen.name}")
            assert found.where == f"torchvision/{name}.{chosen.name}"
            assert len(found.classes) == (0 if "FEATURES" in chosen.name else 1000)
            if found.preprocessing not in seen and name not in ("googlenet", "inception_v3"):
                seen.add(found.preprocessing)
                ours = prepared(load_picture(photograph, found.preprocessing)[None], found.preprocessing)[0]
                theirs = chosen.transforms()(Image.open(photograph))
                assert_alike(ours, theirs, found.preprocessing)
    assert len(seen) > 20


def test_timms_in_their_network_and_in_ours(publish_timm: Publish, photograph: Path) -> None:
    torch.manual_seed(0)
    theirs = timm.create_model("resnet18").eval()
    publish_timm(theirs.state_dict(), "resnet18.a1_in1k")
    weights = open_weights("timm/resnet18.a1_in1k")
    assert (len(weights.classes), weights.classes[0], weights.classes[-1]) == (1000, "tench", "toilet tissue")
    x = torch.randn(1, 3, 64, 64)
    for network in ("resnet18", "timm/resnet18"):
        model = build_model(network, inputs=(3, 64, 64), outputs=1000).eval()
        load_state(model, weights.state, weights.where, maps=key_maps(network))
        torch.testing.assert_close(model(x), theirs(x), rtol=0, atol=1e-5)
    config = timm.data.resolve_data_config(
        pretrained_cfg=timm.get_pretrained_cfg("resnet18.a1_in1k").to_dict()
    )
    assert config["interpolation"] == weights.preprocessing.interpolation == "bicubic"
    expected = create_transform(**config)(Image.open(photograph))
    ours = prepared(load_picture(photograph, weights.preprocessing)[None], weights.preprocessing)[0]
    assert_alike(ours, expected, weights.preprocessing)


def test_a_key_map_of_ours(publish_timm: Publish) -> None:
    with torch.device("meta"):
        theirs = timm.create_model("legacy_xception").state_dict()
        model = build_model("xception", inputs=(3, 96, 96), outputs=1000)
    load_state(model, theirs, "timm/legacy_xception", maps=key_maps("xception"))
    with pytest.raises(InputError, match="missing"):
        load_state(model, theirs, "timm/legacy_xception")


@pytest.mark.parametrize(
    "network",
    [
        "fcn-resnet50",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("fcn-resnet101", "deeplabv3-resnet50", "deeplabv3-resnet101")
        ),
    ],
)
def test_segmenters_of_torchvision_are_taken_over_whole(publish: Publish, network: str) -> None:
    """All of their layers, the auxiliary ones too; pictures keep their size."""
    name = network.replace("-", "_")
    torch.manual_seed(1)
    theirs = torchvision.models.get_model(
        name, weights=None, weights_backbone=None, num_classes=21, aux_loss=True
    )
    publish(theirs.state_dict(), name, "COCO_WITH_VOC_LABELS_V1")
    weights = open_weights(f"torchvision/{name}")
    assert weights.preprocessing is not None
    assert weights.preprocessing.size is None
    assert (len(weights.classes), weights.classes[:2]) == (21, ("__background__", "aeroplane"))
    model = build_model(network, inputs=(3, 33, 47), outputs=21)
    assert not load_backbone(model, weights, key_maps(network)), "they are more than a backbone's"
    load_state(model, weights.state, weights.where, maps=key_maps(network))
    x = torch.randn(1, 3, 33, 47)
    with torch.inference_mode():
        torch.testing.assert_close(model.eval()(x), theirs.eval()(x)["out"], rtol=1e-4, atol=1e-5)


def test_timms_with_another_hash_are_refused(publish_timm: Publish) -> None:
    publish_timm(timm.create_model("test_resnet").state_dict(), "test_resnet.r160_in1k", digest="0123abcd")
    with pytest.raises(InputError, match=r"not what was published .*invalid hash value"):
        open_weights("timm/test_resnet.r160_in1k")


def test_timms_leave_the_random_numbers_alone(publish_timm: Publish) -> None:
    path = publish_timm(timm.create_model("test_resnet").state_dict(), "test_resnet.r160_in1k")
    torch.manual_seed(0)
    before = torch.get_rng_state()
    open_weights("timm/test_resnet")
    assert torch.equal(torch.get_rng_state(), before)
    path.unlink()


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("torchvision/resnet51", "did you mean 'torchvision/resnet50'"),
        ("torchvision/resnet50.V3", "no weights 'V3' .* there are IMAGENET1K_V1, IMAGENET1K_V2$"),
        ("timm/resnet18d2", "no network with weights is called"),
        ("timm/resnet18.nobody", r"no weights 'nobody' .* there are a1_in1k, "),
        ("timm/resnet17t", "no network with weights"),
    ],
)
def test_what_is_not_published(source: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_weights(source)


def test_a_file_goes_before_a_name(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(machine)
    assert is_published("torchvision/mine.pt")
    Path("torchvision").mkdir()
    torch.save({"weight": torch.ones(1)}, "torchvision/mine.pt")
    assert not is_published("torchvision/mine.pt")
    assert open_weights("torchvision/mine.pt").state.keys() == {"weight"}
    assert not any(map(is_published, ("mine.pt", "/torchvision/resnet50", "runs/timm/x.pt")))
