import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

from fer_core.release import DATA, data_words
from fer_core.train.recipe import shipped_recipes


@pytest.mark.parametrize(
    ("recipe", "began_with", "not_with"),
    [
        ("faces", "VGGFace2", "ImageNet"),
        ("further", "VGGFace2", "ImageNet"),
        ("first", "ImageNet", "VGGFace2"),
    ],
)
def test_data_words_say_what_the_network_began_with(recipe, began_with, not_with):
    words = data_words(shipped_recipes()[recipe])
    assert sum(began_with in word for word in words) == 1
    assert not any(not_with in word for word in words)
    assert len(words) == len(DATA) - 1


def test_data_words_leave_out_what_was_not_there():
    whole = data_words(shipped_recipes()["faces"])
    assert set(whole) - set(data_words(shipped_recipes()["faces"], {"ckplus128"})) == {DATA["ckplus128"]}
