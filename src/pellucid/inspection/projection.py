"""Many numbers of each sample brought down to two, so that they can be drawn: PCA, t-SNE, UMAP."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from pellucid.types.errors import InputError, unknown_name

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Projection:
    """`places` (n, 2) float32. `options` are what was set, with the seed; `notes` what a reader should know,
    the method's own measure among them.
    """

    places: Floats
    method: str
    options: Mapping[str, str | int | float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    def words(self) -> str:
        """The method with its settings, versions and notes."""
        settings = [f"{name} {value}" for name, value in {**self.options, **self.versions}.items()]
        how = f" ({', '.join(settings)})" if settings else ""
        return f"{self.method}{how}: {'; '.join(self.notes)}"


def project(vectors: Floats, method: str = "pca", *, seed: int = 0) -> Projection:
    """(n, d) finite numbers to two each, by "pca", "tsne" or "umap". The same seed gives the same places.

    Raises `InputError` for an unknown method, fewer than three samples, values that are not finite, or a
    library that is not installed.
    """
    if method not in PROJECTIONS:
        raise unknown_name("projection", method, PROJECTIONS)
    if vectors.ndim != 2 or len(vectors) < 3:
        raise InputError(f"a map needs three samples or more, (n, d); got {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise InputError(
            "the layer's values are not all finite; choose an earlier layer, or mend the network"
        )
    return PROJECTIONS[method](vectors, seed)


def _pca(vectors: Floats, seed: int) -> Projection:
    """The two directions of greatest variance (Pearson, 1901), by an exact singular value decomposition. The
    sign of each is fixed: its largest weight is positive.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0, dtype=np.float64)
    left, singular, axes = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])
    places = (left * singular * signs)[:, :2]
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))
    energy = singular**2
    share = energy[:2].sum() / energy.sum() if energy.any() else 0.0
    note = f"the two axes hold {100 * share:.0f} % of the variance"
    return Projection(places.astype(np.float32), "PCA", {}, (note,), {"numpy": np.__version__})


def _tsne(vectors: Floats, seed: int) -> Projection:
    """van der Maaten & Hinton, "Visualizing Data using t-SNE", JMLR 2008, by scikit-learn, of the first 50
    principal components as they advise.
    """
    import sklearn
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    perplexity = min(30.0, (len(vectors) - 1) / 3)
    few = min(50, *vectors.shape)
    reduced = PCA(few, random_state=seed).fit_transform(vectors)
    fitted = TSNE(perplexity=perplexity, init="pca", random_state=seed)
    places = fitted.fit_transform(reduced)
    notes = (
        f"Kullback–Leibler divergence {fitted.kl_divergence_:.2f}",
        "near neighbours are true; distances between groups and sizes of groups say little",
    )
    options = {"perplexity": round(perplexity, 2), "components": few, "seed": seed}
    return Projection(
        places.astype(np.float32), "t-SNE", options, notes, {"scikit-learn": sklearn.__version__}
    )


def _umap(vectors: Floats, seed: int) -> Projection:
    """McInnes, Healy & Melville, "UMAP", 2018, by umap-learn."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its imports' deprecations are not the reader's
            umap = import_module("umap")
    except ModuleNotFoundError:
        raise InputError(
            "UMAP needs the package umap-learn: pip install 'pellucid[umap]'; PCA and t-SNE need nothing more"
        ) from None
    neighbours = min(15, len(vectors) - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed costs it its threads is what a seed is for
        fitted = umap.UMAP(n_neighbors=neighbours, random_state=seed, init="pca")
        places = fitted.fit_transform(vectors)
    options = {"neighbours": neighbours, "minimal distance": 0.1, "seed": seed}
    notes = ("near neighbours are true; distances between groups say little",)
    return Projection(
        np.asarray(places, np.float32), "UMAP", options, notes, {"umap-learn": version("umap-learn")}
    )


PROJECTIONS: dict[str, Callable[[Floats, int], Projection]] = {"pca": _pca, "tsne": _tsne, "umap": _umap}
