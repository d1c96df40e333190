"""What an autoencoder makes of a batch: the pictures it saw and was to give, their code, and what came
back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Coded:
    """Pictures are (b, c, h, w) float32 in units of [0, 1]: `wanted` is the clean one, `seen` what the
    network was shown (noisy, not clipped), `made` what it gave back of the code (b, k), in [0, 1].

    `errors` (b,) is what giving back costs, summed over a picture, in nats where the loss is bce; of a
    variational network with a code drawn at random, and `errors_at_mean` with the posterior's mean, which is
    `code`. `log_variances` (b, k) are the posterior's, None for a network whose code is not random.
    `sampled()` gives pictures of codes drawn from the prior, one for each sample of the batch.
    """

    wanted: Tensor
    seen: Tensor
    made: Tensor
    code: Tensor
    errors: Tensor
    errors_at_mean: Tensor
    log_variances: Tensor | None
    sampled: Callable[[], Tensor]
