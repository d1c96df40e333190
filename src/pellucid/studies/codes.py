"""What comes back of a picture by the length of its code: principal components beside autoencoders.

PCA (scikit-learn) gives the best linear code there is of each length; an autoencoder that is worse has not
been trained well, one that is better has bent the plane. Hinton & Salakhutdinov, Science 2006.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import numpy as np
import torch
import tyro
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.opening import open_data
from pellucid.data.settings import DataSettings
from pellucid.data.source import Data
from pellucid.metrics.pictures import WINDOW, psnr, ssim
from pellucid.models import AUTOENCODERS
from pellucid.recipes.coder import Coder, Effort, as_pixels, trained
from pellucid.studies.study import Findings, Study
from pellucid.types.errors import InputError, unknown_name
from pellucid.views.autoencoding import rows as picture_rows
from pellucid.views.codes import code_curves
from pellucid.views.contents import Table
from pellucid.views.page import Section
from pellucid.views.pictures import rgb_pixels

PCA = "pca"
SHOWN = 10


@dataclass(frozen=True)
class Quality:
    """Of one code of a length on the test split: means over pictures. `pictures` are the first that came
    back, (n, c, h, w) in [0, 1].
    """

    kind: str
    code: int
    mse: float
    psnr: float
    ssim: float
    pictures: Tensor = field(repr=False)


@dataclass(frozen=True)
class CodesStudy(Study):
    codes: tuple[int, ...] = (2, 8, 32)
    """Lengths of the code."""
    networks: tuple[str, ...] = ("autoencoder",)
    """Which autoencoders are trained beside PCA, by their names in `pellucid list models`."""
    epochs: int = 30
    """Of each training."""
    batch: int = 64
    """Samples in a batch."""
    rate: float = 2e-3
    """The learning rate's greatest value."""
    seed: int = 0
    """Of the weights and of the order of the samples."""
    threads: int = 0
    """Processor threads; 0: all."""
    data: Annotated[DataSettings, tyro.conf.arg(name="data")] = field(
        default_factory=lambda: DataSettings(name="digits")
    )

    def run(self) -> Findings:
        for name in self.networks:
            if name not in AUTOENCODERS:
                raise unknown_name("autoencoder", name, AUTOENCODERS)
        if not self.codes or min(self.codes) < 1:
            raise InputError(f"--codes are lengths from 1 on; got {list(self.codes)}")
        effort = Effort(self.epochs, self.batch, self.rate, self.seed, self.threads)
        data = open_data(self.data)
        train, test = as_pixels(data, "train"), as_pixels(data, "test")
        most = min(len(train), train[0].numel())
        if max(self.codes) > most:
            raise InputError(
                f"{data.info.name} has {most} principal components; got a code of {max(self.codes)}"
            )
        found = [principal(train, test, code) for code in self.codes]
        for name in self.networks:
            for code in self.codes:
                coder = trained(name, code, data, effort)
                found.append(judged(name, code, test, given_back(coder, data)))
        return _told(self, data, test, found)


def principal(train: Tensor, test: Tensor, code: int) -> Quality:
    """PCA with `code` components of the training pictures (n, c, h, w)."""
    from sklearn import decomposition

    fitted = decomposition.PCA(code, svd_solver="covariance_eigh").fit(train.flatten(1).double().numpy())
    back = fitted.inverse_transform(fitted.transform(test.flatten(1).double().numpy()))
    return judged(PCA, code, test, torch.from_numpy(back).float().view_as(test).clamp(0, 1))


def judged(kind: str, code: int, wanted: Tensor, made: Tensor) -> Quality:
    """`made` against `wanted`, (n, c, h, w) in [0, 1]."""
    alike = float(ssim(made, wanted).mean()) if min(wanted.shape[-2:]) >= WINDOW else float("nan")
    error = float((made - wanted).double().square().mean())
    return Quality(kind, code, error, float(psnr(made, wanted).mean()), alike, made[:SHOWN])


def given_back(coder: Coder, data: Data) -> Tensor:
    """The test split as the network gives it back, (n, c, h, w) in [0, 1]."""
    with torch.inference_mode():
        return torch.cat([output.made for output, _, _ in coder.outputs(data.splits["test"])])


def _told(study: CodesStudy, data: Data, test: Tensor, found: Sequence[Quality]) -> Findings:
    rows = tuple(
        (each.kind, str(each.code), f"{each.mse:.5f}", f"{each.psnr:.2f}", f"{each.ssim:.3f}")
        for each in found
    )
    kinds = dict.fromkeys(each.kind for each in found)
    curves: Mapping[str, list[tuple[int, float, float]]] = {
        kind: [(each.code, each.mse, each.psnr) for each in found if each.kind == kind] for kind in kinds
    }
    middle = study.codes[len(study.codes) // 2]
    shown = [pixels(test[:SHOWN])]
    shown += [pixels(each.pictures) for each in found if each.code == middle]
    names = ["picture", *(each.kind for each in found if each.code == middle)]
    lead = f"The first {SHOWN} test pictures, and what comes back of {middle} numbers."
    words = (
        f"{data.info.name}: what comes back of the test pictures by the length of the code; autoencoders "
        f"trained for {study.epochs} epochs with seed {study.seed}."
    )
    numbers: dict[str, Any] = {
        "study": {**asdict(study), "data": data.info.name},
        "found": [{key: value for key, value in asdict(each).items() if key != "pictures"} for each in found],
    }
    return Findings(
        "Codes and what comes back",
        words,
        Table(
            ("code by", "numbers", "MSE", "PSNR, dB", "SSIM"), rows, "Pixels in [0, 1]; means over pictures."
        ),
        code_curves(curves),
        numbers,
        heading="By the length of the code",
        more=(Section("To look at", (picture_rows(shown, names),), lead),),
    )


def pixels(pictures: Tensor) -> list[NDArray[np.uint8]]:
    """(n, c, h, w) in [0, 1] as (h, w, 3) each."""
    return [rgb_pixels(picture) for picture in (255 * pictures).round().byte().numpy()]


STUDIES: dict[str, type[Study]] = {"codes": CodesStudy}
