"""What goes wrong with a generator, from what the recorder kept of one step.

- collapse: of p real probes, the p generated samples are nearest to less than a quarter only. Samples that
  are spread as the real ones are reach about half of them or more, whatever they look like.
- vanished: the gradient that reaches the generator is less than a millionth of its weights; the critic is so
  sure that it tells it nothing.

Neither is looked for in the first steps, when all samples are alike, nor with fewer than 16 probes.
"""

from __future__ import annotations

import math

import numpy as np

from pellucid.types.recording import Recording

FROM_STEP, PROBES = 600, 16
COLLAPSED, VANISHED = 0.25, 1e-6
NEAREST = 3  # the column of the task's `probe`


def generator_troubles(recording: Recording) -> dict[str, str]:
    """Words by the trouble's name."""
    if recording.step < FROM_STEP:
        return {}
    found = {"collapse": _collapse(recording), "vanished": _vanished(recording)}
    return {name: words for name, words in found.items() if words}


def _collapse(recording: Recording) -> str:
    count = len(recording.predictions)
    reached = len(np.unique(recording.predictions[:, NEAREST]))
    if count < PROBES or reached >= COLLAPSED * count:
        return ""
    return (
        f"the generator collapses: its {count} samples are nearest to only {reached} of {count} real ones, "
        "where half would be usual; a Wasserstein loss with a penalty (--task.loss wasserstein "
        "--task.constraint penalty --task.critic-steps 5) covers more, as do larger batches"
    )


def _vanished(recording: Recording) -> str:
    layers = [each for each in recording.layers if each.name.startswith("generator.")]
    gradient = math.hypot(*(each.gradient_norm or 0.0 for each in layers))
    weights = math.hypot(*(each.weight_norm or 0.0 for each in layers))
    if not any(each.gradient_norm is not None for each in layers) or gradient >= VANISHED * weights:
        return ""
    return (
        f"the generator's gradient has vanished: it is {gradient / weights:.1e} of its weights, since the "
        "critic is sure of every sample; take the loss non-saturating or wasserstein, a smaller "
        "--task.critic-lr, or a constraint"
    )
