"""Units of attention, fused or not: for each key q · k, scale, mask, softmax weight, and weighted value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from pellucid.inspection.arguments import NotUnderstood
from pellucid.inspection.arithmetic.moving import Indices
from pellucid.inspection.arithmetic.opening import Opened, Opening
from pellucid.inspection.arithmetic.pointwise import broadcast
from pellucid.inspection.trace import Value
from pellucid.types.arithmetic import Floats, Operand, Origin, Place, Step


def scaled_dot_product(op: Opening) -> Opened:
    """Vaswani et al. 2017: Σ over keys of softmax(q · k × scale + mask) × value."""
    query, key, value = (op.argument(at, name) for at, name in enumerate(("query", "key", "value")))
    if op.argument(4, "dropout_p", 0.0):
        raise NotUnderstood("dropout in training")
    *batch, token, channel = op.index
    keys, width = key.shape[-2:]
    shared = _head(op, batch, query, key)
    scale = op.argument(6, "scale")
    factor = 1 / math.sqrt(width) if scale is None else float(scale)
    q = op.numbers_at(query, [*broadcast(tuple(batch), query.shape[:-2]), token, np.arange(width)])
    rows = np.arange(keys)
    k = op.numbers_at(key, [*shared, rows[:, None], np.arange(width)[None]])
    mask = _mask(op, (*batch, token), keys, bool(op.argument(5, "is_causal", False)))
    columns = _scores(k @ q, factor, mask)
    operand = Operand(
        "values",
        op.numbers_at(value, [*shared, rows, channel]),
        op.origin(value, [*shared, rows, channel]),
        ("key",),
        _softmax(columns["score"]),
        "",
        columns,
    )
    return _attended(operand, keys * (width + 1) + keys)


def _head(op: Opening, batch: list[int], query: Value, key: Value) -> Place:
    """The place of the keys' head; with grouped queries several queries share one."""
    shape = key.shape[:-2]
    if op.argument(7, "enable_gqa", False) and shape and query.shape[-3] != shape[-1]:
        batch = [*batch[:-1], batch[-1] // (query.shape[-3] // shape[-1])]
    return broadcast(tuple(batch), shape)


def _mask(op: Opening, at: Place, keys: int, causal: bool) -> Floats:
    """What is added to the scores of one query."""
    added = np.zeros(keys)
    if causal:
        added[at[-1] + 1 :] = -math.inf
    given = op.argument(3, "attn_mask")
    if given is not None:
        places: Indices = [*broadcast(at, given.shape[:-1]), np.arange(given.shape[-1])]
        added = added + as_added(op.numbers_at(given, places), given)
    return added


def as_added(mask: Floats, given: Value) -> Floats:
    """A mask of yes and no as one that is added."""
    return np.where(mask != 0, 0.0, -math.inf) if "bool" in str(given.dtype) else mask


def _scores(products: Floats, factor: float, mask: Floats) -> dict[str, Floats]:
    columns = {"q · k": products, "scaled": products * factor}
    if mask.any():
        columns["mask"] = np.broadcast_to(mask, products.shape)
    return columns | {"score": products * factor + mask}


def _softmax(scores: Floats) -> Floats:
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    found: Floats = weights / weights.sum(-1, keepdims=True)
    return found


def _attended(operand: Operand, multiplications: int) -> Opened:
    products = operand.products
    # A weight is as exact as its score: an error of the score is one of e^score.
    scores = operand.columns["score"]
    doubt = 1 + float(np.abs(scores[np.isfinite(scores)]).max(initial=0.0))
    size = float(np.abs(products).sum()) * doubt
    steps = (Step("value", float(products.sum()), "Σ weight × value"),)
    formula = "Σ over keys: softmax(q · k × scale) × value"
    return Opened("sum", formula, (operand,), steps, size, None, 0, multiplications)


def multi_head(op: Opening) -> Opened:
    """`F.multi_head_attention_forward`, which runs unseen, opened into its heads and keys.

    What key j of head h adds to channel c is its softmax weight times v[h, j] · W_out[c, h]: the operand's
    values are these, so that weights and values add up, with the output's bias, to the unit. Each one's
    origin is the channel of token j that has the greatest part in it.
    """
    if op.number > 0:
        raise NotUnderstood("the weights")
    read = _Projections(op)
    bias = op.argument(12, "out_proj_bias")
    products = read.products()
    columns = _scores(products, 1 / math.sqrt(read.width), read.mask(products.shape[1]))
    values, origin = read.values()
    weights = _softmax(columns["score"])
    operand = Operand("values through W_out", values, origin, ("head", "key"), weights, "", columns)
    attended = _attended(operand, 0)
    added = op.number_at(bias, (read.channel,))
    steps = [Step("sum over heads and keys", attended.steps[0].value, "Σ weight × value")]
    formula = "Σ over heads and keys: softmax(q · k ÷ √d) × (v · W_out)"
    if added is not None:
        steps += [Step("bias", added), Step("value", steps[0].value + added, "sum + bias")]
        formula += ", + bias"
    embedding = read.heads * read.width
    count = embedding * (2 * products.shape[1] * (embedding + 1) + embedding + 1) + products.size
    note = (
        f"Each of {read.heads} heads has {read.width} channels: q · k is divided by √{read.width}. A value "
        "came from a whole token; the address is that of the channel with the greatest part in it."
    )
    size = attended.size + abs(added or 0.0)
    return Opened("sum", formula, (operand,), tuple(steps), size, None, read.learnt(), count, (note,))


class _Projections:
    """Query, keys and values of one unit; tokens are (token, sample, channel).

    No key or value is computed: q · (W x) = (Wᵀ q) · x takes as many multiplications as one token.
    """

    def __init__(self, op: Opening) -> None:
        refused: Mapping[str, int] = {"bias_k": 7, "bias_v": 8, "static_k": 21, "static_v": 22}
        more = any(op.argument(at, name) is not None for name, at in refused.items())
        if more or op.argument(9, "add_zero_attn", False):
            raise NotUnderstood("keys that are added")
        if op.argument(10, "dropout_p", 0.0) and op.argument(13, "training", True):
            raise NotUnderstood("dropout in training")
        self.op, self.heads = op, int(op.argument(4, "num_heads"))
        self.token, self.channel = op.index[0], op.index[-1]
        self.sample = op.index[1] if len(op.index) == 3 else None
        self.out = self._matrix(11, "out_proj_weight")[self.channel].reshape(self.heads, -1)
        self.width = self.out.shape[1]

    def products(self) -> Floats:
        """(heads, keys): q · k."""
        query = self._weight(0) @ self._tokens(0)[self.token] + self._shift(0)
        rows = query.reshape(self.heads, self.width)
        back = np.einsum("hd,hde->he", rows, self._by_head(self._weight(1)))
        along = (rows * self._shift(1).reshape(self.heads, -1)).sum(1)
        products: Floats = back @ self._tokens(1).T + along[:, None]
        return products

    def values(self) -> tuple[Floats, Origin | None]:
        """(heads, keys): v · W_out, and where each came from."""
        tokens = self._tokens(2)
        back = np.einsum("hd,hde->he", self.out, self._by_head(self._weight(2)))
        along = (self.out * self._shift(2).reshape(self.heads, -1)).sum(1)
        channels = np.stack([np.abs(tokens * row).argmax(1) for row in back])
        places: Indices = [np.arange(len(tokens))[None], *self._own_sample(), channels]
        return back @ tokens.T + along[:, None], self.op.origin(self.op.argument(2, "value"), places)

    def mask(self, keys: int) -> Floats:
        """(heads, keys): what is added to the scores."""
        added = np.zeros((self.heads, keys))
        given = self.op.argument(16, "attn_mask")
        if given is not None:
            own, first = self._double(given), (self.sample or 0) * self.heads
            rows = own[self.token][None] if own.ndim == 2 else own[first : first + self.heads, self.token]
            added = added + _excluding(rows, given)
        padding = self.op.argument(14, "key_padding_mask")
        if padding is not None:
            own = self._double(padding)
            added = added + _excluding(own if own.ndim == 1 else own[self.sample or 0], padding)
        return added

    def learnt(self) -> int:
        """How many weights go in: all of the projections, one row of the output's."""
        own: int = self.heads * self.width
        projected = sum(int(self._weight(at).size) + own * self._has_bias() for at in range(3))
        return projected + own + self._has_bias()

    def _tokens(self, at: int) -> Floats:
        own = self._double(self.op.argument(at, "query key value".split()[at]))
        return own if self.sample is None else own[:, self.sample]

    def _weight(self, at: int) -> Floats:
        if self.op.argument(17, "use_separate_proj_weight", False):
            return self._matrix(18 + at, f"{'qkv'[at]}_proj_weight")
        return self._third(5, "in_proj_weight", at)

    def _shift(self, at: int) -> Floats:
        return self._third(6, "in_proj_bias", at) if self._has_bias() else np.zeros(self.heads * self.width)

    def _has_bias(self) -> bool:
        return self.op.argument(6, "in_proj_bias") is not None

    def _third(self, position: int, name: str, at: int) -> Floats:
        whole = self.op.tensor(self.op.argument(position, name)).detach()
        found: Floats = whole.chunk(3)[at].double().cpu().numpy()
        return found

    def _by_head(self, matrix: Floats) -> Floats:
        return matrix.reshape(self.heads, self.width, -1)

    def _own_sample(self) -> list[int]:
        return [] if self.sample is None else [self.sample]

    def _matrix(self, position: int, name: str) -> Floats:
        return self._double(self.op.argument(position, name))

    def _double(self, value: Value) -> Floats:
        found: Floats = self.op.tensor(value).detach().double().cpu().numpy()
        return found


def _excluding(mask: Floats, given: Value) -> Floats:
    """A mask of `F.multi_head_attention_forward` says which keys are not seen."""
    return np.where(mask != 0, -math.inf, 0.0) if "bool" in str(given.dtype) else mask


ATTENTION: dict[str, Callable[[Opening], Opened]] = {
    "scaled_dot_product_attention": scaled_dot_product,
    "multi_head_attention_forward": multi_head,
}
