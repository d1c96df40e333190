"""What is listed is there, under the same name, and says what it is."""

import pytest

from pellucid.cli.list import KINDS
from pellucid.types.errors import InputError, UnknownNameError
from pellucid.types.registry import Registry

KEYS = [(kind, name) for kind, registry in KINDS.items() for name in registry]


@pytest.mark.parametrize(("kind", "name"), KEYS, ids=lambda part: part)
def test_a_listed_thing_is_there(kind, name):
    assert callable(KINDS[kind][name])
    assert 10 < len(KINDS[kind].summary(name)) < 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_typo_is_answered_with_the_closest_names(kind):
    name = max(KINDS[kind], key=len)
    with pytest.raises(UnknownNameError, match="did you mean") as raised:
        KINDS[kind][name[:-1] + "q"]
    assert repr(name) in str(raised.value)
    assert isinstance(raised.value, InputError)
    assert KINDS[kind].get("no such thing at all") is None


def test_a_name_listed_twice_is_refused():
    with pytest.raises(ValueError, match=r"'b' stands in 'one' and in 'two'"):
        Registry("thing", package="x", table="T", families={"one": {"a": "", "b": ""}, "two": {"b": ""}})


def test_a_list_that_disagrees_with_its_module_is_found():
    registry = Registry(
        "model", package="pellucid.models", table="VARIANTS", families={"lenet": {"lenet5": "", "lenet6": ""}}
    )
    with pytest.raises(RuntimeError, match="lists"):
        registry["lenet5"]
