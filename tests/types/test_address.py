from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.types.address import Address
from pellucid.types.errors import InputError

NAMES = st.from_regex(r"[a-z_][a-z0-9_]*(\.([a-z_][a-z0-9_]*|[0-9]+)){0,3}", fullmatch=True)
COUNTS = st.integers(0, 20)
ADDRESSES = st.one_of(
    st.builds(Address, NAMES | st.just(""), COUNTS, index=st.lists(COUNTS, max_size=4).map(tuple)),
    st.builds(Address, NAMES | st.just(""), COUNTS, NAMES, COUNTS, st.lists(COUNTS, max_size=4).map(tuple)),
)


@given(ADDRESSES)
def test_an_address_is_its_text(address: Address) -> None:
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("layer4.1.conv2", Address("layer4.1.conv2")),
        ("relu#1", Address("relu", 1)),
        ("layer1.0:add", Address("layer1.0", 0, "add")),
        ("layer1.0#2:add#1[3]", Address("layer1.0", 2, "add", 1, (3,))),
        (":mylib::warp", Address("", 0, "mylib::warp")),
        (" conv1[37,5 , 6] ", Address("conv1", index=(37, 5, 6))),
        ("", Address()),
        ("[3]", Address(index=(3,))),
    ],
)
def test_what_is_written(text: str, address: Address) -> None:
    assert Address.parse(text) == address


@pytest.mark.parametrize(
    "text", ["a b", "a[", "a[]", "a[1,]", "a[-1]", "a[x]", "a#", "a#x", "a:", "a[1][2]", "a[1.5]", "a#1#2"]
)
def test_other_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(InputError, match="address"):
        Address.parse(text)


def test_no_negative_places() -> None:
    with pytest.raises(InputError, match="from 0"):
        Address("conv1", index=(0, -1, 2))


def test_a_layer_of_an_address_and_an_address_in_a_layer() -> None:
    unit = Address.parse("layer1.0:add[3, 5, 6]")
    assert str(unit.whole) == "layer1.0:add"
    assert unit.whole.at(3, 5, 6) == unit
