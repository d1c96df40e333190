"""Views as JSON, and back.

A view (a figure, panel, axis, mark or colour scale) is an object whose "kind" names it and whose other
members are its fields. An array is {"dtype": "<f4", "shape": [2, 3], "base64": …}: its bytes in C order,
little-endian; or, where assets are collected, {"dtype", "shape", "asset": id}, the bytes kept under the first
16 hex digits of their SHA-256. Tuples are lists. Numbers outside of arrays are finite.
"""

from __future__ import annotations

import base64
import hashlib
import types
from collections.abc import Mapping, MutableMapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.types.errors import InputError

SMALL = 4096  # bytes; a larger array becomes an asset where assets are collected
Assets = MutableMapping[str, bytes]


def encode(value: Any, kinds: Mapping[str, type], assets: Assets | None = None) -> Any:
    """`value` as JSON's own types. Arrays above `SMALL` bytes go into `assets` if it is given."""
    if isinstance(value, np.ndarray):
        return _encode_array(value, assets)
    if is_dataclass(value):
        names = {kind: name for name, kind in kinds.items()}
        members = {field.name: encode(getattr(value, field.name), kinds, assets) for field in fields(value)}
        # a scale has a field of that name itself: its kind is what tells the two scales apart
        return members if "kind" in members else {"kind": names[type(value)], **members}
    if isinstance(value, (tuple, list)):
        return [encode(each, kinds, assets) for each in value]
    if isinstance(value, np.generic):
        return value.item()
    return value


def decode(
    value: Any, kinds: Mapping[str, type], assets: Mapping[str, bytes] = types.MappingProxyType({})
) -> Any:
    """The inverse of `encode`. Raises `InputError` where the description is of something else."""
    if isinstance(value, list):
        return tuple(decode(each, kinds, assets) for each in value)
    if not isinstance(value, dict):
        return value
    if "dtype" in value:
        return _decode_array(value, assets)
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise InputError(f"a view's kind is one of {', '.join(sorted(kinds))}; got {kind!r}")
    made = kinds[kind]
    names = {field.name for field in fields(made)}
    given = {name: decode(each, kinds, assets) for name, each in value.items() if name in names}
    unknown = set(value) - names - {"kind"}
    if unknown:
        raise InputError(
            f"a {kind} has the members {', '.join(sorted(names))}; got also {', '.join(sorted(unknown))}"
        )
    return made(**given)


def _encode_array(array: NDArray[Any], assets: Assets | None) -> dict[str, Any]:
    plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    head = {"dtype": plain.dtype.str, "shape": list(array.shape)}
    content = plain.tobytes()
    if assets is None or len(content) <= SMALL:
        return {**head, "base64": base64.b64encode(content).decode()}
    name = hashlib.sha256(content).hexdigest()[:16]
    assets[name] = content
    return {**head, "asset": name}


def _decode_array(value: Mapping[str, Any], assets: Mapping[str, bytes]) -> NDArray[Any]:
    dtype = np.dtype(value["dtype"])
    if dtype.kind not in "biuf":
        raise InputError(f"an array's dtype is boolean, integer or floating; got {value['dtype']!r}")
    if "asset" in value and value["asset"] not in assets:
        raise InputError(f"array {value['asset']!r} is not among the {len(assets)} assets given")
    content = assets[value["asset"]] if "asset" in value else base64.b64decode(value["base64"])
    shape = tuple(value["shape"])
    if len(content) != dtype.itemsize * int(np.prod(shape, dtype=np.int64)):
        raise InputError(
            f"an array {shape} of {dtype} has another size than the {len(content)} bytes that came"
        )
    return np.frombuffer(content, dtype).reshape(shape).copy()
