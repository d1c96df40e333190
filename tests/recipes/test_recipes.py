"""Every recipe is a value that survives being written down."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.recipes import RECIPES
from pellucid.recipes.fitting import expected_by
from pellucid.recipes.general import find_recipe, for_model
from pellucid.recipes.recipe import Recipe, prepare
from pellucid.recipes.serial import first_difference, from_dict, to_dict
from pellucid.tasks.classification import ClassificationSettings
from pellucid.training.settings import OptimSettings, Settings
from pellucid.types.errors import InputError


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_says_its_command_and_survives_json(name):
    make = RECIPES[name]
    assert f"pellucid train {name}" in make.__doc__
    recipe = make()
    assert recipe.name == name
    assert find_recipe(recipe.model.name).model.name == recipe.model.name
    assert from_dict(Recipe, json.loads(json.dumps(to_dict(recipe)))) == recipe


@settings(deadline=None, max_examples=30)
@given(
    lr=st.floats(1e-6, 10),
    dropout=st.none() | st.floats(0, 0.9),
    weights=st.none() | st.text("abc/.", min_size=1),
    balance=st.sampled_from(["none", "balanced"]) | st.lists(st.floats(0.1, 2), min_size=2).map(tuple),
    mean=st.lists(st.floats(0, 1), max_size=3).map(tuple),
)
def test_any_recipe_survives_json(lr, dropout, weights, balance, mean):
    recipe = find_recipe("digits-lenet5")
    recipe = replace(
        recipe,
        model=replace(recipe.model, weights=weights, mean=mean, std=tuple(1.0 for _ in mean)),
        task=ClassificationSettings(class_weights=balance),
        training=Settings(dropout=dropout, optim=OptimSettings(lr=lr)),
    )
    assert from_dict(Recipe, json.loads(json.dumps(to_dict(recipe)))) == recipe


def test_a_field_that_is_not_known_is_named():
    written = to_dict(find_recipe("digits-lenet5"))
    written["training"]["optim"]["temperature"] = 1
    with pytest.raises(InputError, match="temperature"):
        from_dict(Recipe, written)


def test_the_first_difference_is_named():
    one = find_recipe("digits-lenet5")
    other = replace(one, training=replace(one.training, seed=7))
    assert first_difference(to_dict(one), to_dict(other)) == "training.seed was 0, now 7"
    assert first_difference(to_dict(one), to_dict(one)) == ""


def test_the_seed_alone_decides_the_initial_weights():
    recipe = find_recipe("digits-mlp")
    one, same = (prepare(recipe).model.state_dict() for _ in range(2))
    other = prepare(replace(recipe, training=replace(recipe.training, seed=1))).model.state_dict()
    assert all(value.equal(same[name]) for name, value in one.items())
    assert not all(value.equal(other[name]) for name, value in one.items())


def test_a_network_gets_the_normalisation_it_expects():
    recipe = find_recipe("digits-lenet5")
    data = prepare(recipe).data
    model = replace(recipe.model, mean=(0.5,), std=(0.25,))
    assert expected_by(model, data).info.preprocessing.mean == (0.5,)
    with pytest.raises(InputError, match="3 channels"):
        expected_by(replace(model, mean=(0.5,) * 3, std=(1.0,) * 3), data)


def test_any_network_is_a_recipe():
    assert for_model("torchvision/resnet18").name == "resnet18"
    assert for_model("mine.py:make").name == "make"
    with pytest.raises(InputError, match="no recipe or model"):
        find_recipe("resnet-eighteen-and-a-half")
