import cv2
import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import timm
import torch

from fer_core.models.backbones import PAPER_BACKBONES, create_backbone, imagenet_state
from fer_core.models.head import FeatureExtractor

LITE0 = "tf_efficientnet_lite0"
DAISY, BELL_COTE = 985, 442


def logits_of(model: torch.nn.Module, image_rgb_u8: np.ndarray) -> torch.Tensor:
    small = cv2.resize(image_rgb_u8, (224, 224), interpolation=cv2.INTER_AREA)
    x = torch.from_numpy(small).permute(2, 0, 1)[None].float() / 255
    with torch.inference_mode():
        return model.eval()((x - 0.5) / 0.5)[0]


@pytest.fixture(scope="module")
def imagenet_model():
    model = timm.create_model(LITE0, pretrained=False)
    model.load_state_dict(imagenet_state(LITE0, model))
    return model


@pytest.mark.parametrize(("picture", "expected"), [("flower.jpg", DAISY), ("china.jpg", BELL_COTE)])
def test_imagenet_weights_recognise_real_photographs(imagenet_model, picture, expected):
    datasets = pytest.importorskip("sklearn.datasets")
    assert logits_of(imagenet_model, datasets.load_sample_image(picture)).argmax().item() == expected


def test_create_backbone_with_imagenet_gives_that_models_features(imagenet_model):
    backbone = create_backbone(LITE0, imagenet=True).eval()
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    imagenet_model.eval()
    with torch.inference_mode():
        expected = imagenet_model.forward_head(imagenet_model.forward_features(image), pre_logits=True)
        features = backbone(image)
    assert features.shape == (1, backbone.num_features)
    torch.testing.assert_close(features, expected)


def test_create_backbone_starts_from_a_file(tmp_path):
    source = timm.create_model("test_efficientnet", pretrained=False)
    torch.save(source.state_dict(), tmp_path / "weights.pt")
    backbone = create_backbone("test_efficientnet", imagenet=False, weights=tmp_path / "weights.pt")
    torch.testing.assert_close(backbone.conv_stem.weight, source.conv_stem.weight, rtol=0, atol=0)


def test_create_backbone_without_weights_is_random():
    torch.manual_seed(1)
    first, second = (create_backbone("test_efficientnet", imagenet=False) for _ in range(2))
    assert not torch.equal(first.conv_stem.weight, second.conv_stem.weight)


def test_create_backbone_says_which_packages_are_known():
    with pytest.raises(ValueError, match=f"test_resnet; known: {LITE0}.*imagenet = false"):
        create_backbone("test_resnet", imagenet=True)


def test_create_backbone_names_an_unknown_model():
    with pytest.raises(ValueError, match="no_such_network"):
        create_backbone("no_such_network", imagenet=False)


@pytest.mark.parametrize("name", ["hf-hub:somebody/network", "local-dir:/tmp"])
def test_create_backbone_goes_nowhere_for_a_network(name, monkeypatch):
    monkeypatch.setattr("timm.create_model", lambda *args, **options: pytest.fail("looked elsewhere"))
    with pytest.raises(ValueError, match="there is no network"):
        create_backbone(name, imagenet=False)


def test_imagenet_state_refuses_another_architecture():
    with pytest.raises(ValueError, match="does not fit"):
        imagenet_state(LITE0, timm.create_model("test_efficientnet", pretrained=False))


@pytest.mark.parametrize("paper_name", PAPER_BACKBONES)
@pytest.mark.parametrize("pooling", ["backbone", "max"])
def test_the_papers_backbones_give_features(paper_name, pooling):
    with torch.device("meta"):  # shapes alone: VGG-16 has 134 million weights
        extractor = FeatureExtractor(create_backbone(PAPER_BACKBONES[paper_name], imagenet=False), pooling)
        features = extractor(torch.zeros(2, 3, 64, 64))
    assert features.pooled.shape == (2, extractor.num_features)
    assert features.maps.shape == (2, extractor.map_channels, 2, 2)


@pytest.mark.parametrize(("paper_name", "features"), [("ResNet-34", 512), ("DenseNet-121", 1024)])
def test_the_papers_backbones_run(paper_name, features):
    backbone = create_backbone(PAPER_BACKBONES[paper_name], imagenet=False).eval()
    with torch.inference_mode():
        answers = backbone(torch.rand(1, 3, 32, 32))
    assert answers.shape == (1, features)
    assert torch.isfinite(answers).all()


@pytest.mark.parametrize("name", ["vgg16", "densenet121"])
def test_create_backbone_says_where_stochastic_depth_is_missing(name):
    with (
        torch.device("meta"),
        pytest.raises(ValueError, match=f"{name} has no stochastic depth; set drop_path_rate = 0"),
    ):
        create_backbone(name, imagenet=False, drop_path_rate=0.1)


def test_create_backbone_applies_stochastic_depth():
    depths = [m for m in create_backbone("test_efficientnet", False, 0.3).modules() if type(m).__name__ == "DropPath"]
    assert max(m.drop_prob for m in depths) > 0.1
