from dataclasses import replace

import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

from fer_core.data.prepare import DEFAULT_DATASETS
from fer_core.release import DATA, NOT_STATED, data_words
from fer_core.train.recipe import shipped_recipes


@pytest.mark.parametrize(
    ("recipe", "began_with", "not_with"),
    [
        ("faces", "VGGFace2", "ImageNet"),
        ("further", "VGGFace2", "ImageNet"),
        ("first", "ImageNet", "VGGFace2"),
        ("teacher", "MS-Celeb-1M", "VGGFace2"),
    ],
)
def test_data_words_say_what_the_network_began_with(recipe, began_with, not_with):
    words = data_words(shipped_recipes()[recipe], DEFAULT_DATASETS)
    assert sum(began_with in word for word in words) == 1
    assert not any(not_with in word for word in words)
    data = {"ferplus", "diffusionfer", "ckplus128", "AffectNetC25", "blendshapes"}
    assert {source for source in data if DATA[source] in words} == data
    assert len(words) == len(data) + 1


def test_data_words_name_other_teachers():
    recipe = shipped_recipes()["further"]
    assert DATA["answers"] not in data_words(recipe, DEFAULT_DATASETS)
    for taught in (replace(recipe, teachers=("a.pt",)), replace(recipe, answers="a.npz")):
        assert DATA["answers"] in data_words(taught, DEFAULT_DATASETS)


def test_data_words_are_of_the_data_that_was_there():
    recipe = shipped_recipes()["faces"]
    whole, open_data = (data_words(recipe, sets) for sets in (DEFAULT_DATASETS, ("ferplus", "diffusionfer")))
    assert set(whole) - set(open_data) == {DATA["ckplus128"]}
    words = data_words(recipe, ("ckplus128", "rafdb", "folder:mine", "made by hand"))
    assert words[0] == DATA["ckplus128"]
    assert [word.partition(": ")[0] for word in words[2:]] == ["folder:mine", "made by hand", "rafdb"]
    assert "licence: yours" in words[2]


def test_data_words_do_not_guess():
    words = data_words(shipped_recipes()["first"], ())
    assert words[0] == NOT_STATED
    assert len(words) == 2
