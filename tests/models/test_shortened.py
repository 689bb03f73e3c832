import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch

from fer_core.models.backbones import create_backbone
from fer_core.models.shortened import shorten
from fer_core.train.networks import create_model
from fer_core.train.recipe import Recipe, RecipeError, Stage


def test_shortened_backbone_keeps_what_the_first_groups_saw():
    whole, short = (create_backbone("tf_efficientnet_lite0", imagenet=False) for _ in range(2))
    short.load_state_dict(whole.state_dict())
    shorten(short, 5, width=96)
    image = torch.rand(2, 3, 64, 64)
    seen = {}
    for name, network in (("whole", whole.eval()), ("short", short.eval())):
        network.blocks[4].register_forward_hook(lambda *call, name=name: seen.__setitem__(name, call[-1]))
        features = network(image)
    assert features.shape == (2, 96)
    assert short.num_features == 96
    torch.testing.assert_close(seen["short"], seen["whole"])
    assert sum(p.numel() for p in short.parameters()) < 0.3 * sum(p.numel() for p in whole.parameters())


@pytest.mark.parametrize(
    ("name", "groups", "complaint"),
    [
        ("test_efficientnet", 9, "expected 1 to"),
        ("test_efficientnet", 0, "expected 1 to"),
        ("test_resnet", 2, "EfficientNet family"),
    ],
)
def test_shorten_refuses_what_it_cannot_cut(name, groups, complaint):
    with pytest.raises(ValueError, match=complaint):
        shorten(create_backbone(name, imagenet=False), groups)


def test_recipe_makes_a_shortened_network_that_starts_from_a_whole_ones_weights(tmp_path):
    plain = Recipe(backbone="test_efficientnet", imagenet=False, drop_path_rate=0, stages=(Stage(1, 32),))
    whole = create_model(plain, imagenet=False)
    torch.save(whole.backbone.state_dict(), tmp_path / "weights.pt")
    recipe = Recipe(
        backbone="test_efficientnet", weights=str(tmp_path / "weights.pt"), backbone_groups=2, drop_path_rate=0
    )
    network = create_model(recipe, imagenet=True)
    assert network.expression.in_features == 512
    torch.testing.assert_close(network.backbone.conv_stem.weight, whole.backbone.conv_stem.weight)
    with pytest.raises(RecipeError, match="backbone_groups"):
        create_model(Recipe(backbone="test_efficientnet", imagenet=False, backbone_groups=40), imagenet=False)
