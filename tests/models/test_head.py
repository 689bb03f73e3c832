import pytest
import torch

from fer_core.models.au_relation import AuRelationOptions
from fer_core.models.backbones import create_backbone
from fer_core.models.dan import DanHead, DanOptions
from fer_core.models.head import FeatureExtractor, Features, HeadedNet, require_maps
from fer_core.models.multitask import normalise


@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_resnet", "mobilenetv3_small_050"])
def test_feature_extractor_pools_as_the_backbone_does(backbone, image):
    network = create_backbone(backbone, imagenet=False)
    extractor = FeatureExtractor(network).eval()
    with torch.inference_mode():
        features, plain = extractor(normalise(image)), network(normalise(image))
    torch.testing.assert_close(features.pooled, plain)
    assert features.pooled.shape == (4, extractor.num_features)
    assert features.maps.shape[:2] == (4, extractor.map_channels)


def test_feature_extractor_takes_the_maximum_of_each_map(image):
    extractor = FeatureExtractor(create_backbone("mobilenetv3_small_050", imagenet=False), "max").eval()
    with torch.inference_mode():
        features = extractor(normalise(image))
    expected = torch.tensor([[float(m.max()) for m in maps] for maps in features.maps])
    assert extractor.num_features == extractor.map_channels
    torch.testing.assert_close(features.pooled, expected)


def test_feature_extractor_maximum_needs_maps():
    extractor = FeatureExtractor(create_backbone("test_vit", imagenet=False), "max")
    with pytest.raises(ValueError, match=r"maps \(B, C, h, w\) are needed.*use a convolutional one"):
        extractor(torch.zeros(1, 3, 160, 160))


def test_headed_net_refuses_tokens_for_a_head_that_needs_maps():
    extractor = FeatureExtractor(create_backbone("test_vit", imagenet=False))
    network = HeadedNet(extractor, DanHead(extractor.map_channels, 8, 3, DanOptions()))
    with pytest.raises(ValueError, match="features of shape"):
        network(torch.zeros(2, 3, 160, 160))


def test_require_maps_says_that_there_are_none():
    with pytest.raises(ValueError, match="gave none"):
        require_maps(Features(torch.zeros(1, 4)).maps)


def test_headed_net_sees_luminance_only(make_network, image):
    network = make_network(AuRelationOptions())
    luma = (image * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)
    colour, grey = network(image), network(luma.expand(-1, 3, -1, -1))
    torch.testing.assert_close(grey.va, colour.va, rtol=1e-3, atol=1e-5)


def test_headed_net_drops_features_in_training_only(make_network, image):
    network = make_network(AuRelationOptions(au="linear", batch_norm_va=False), dropout=0.5)
    torch.testing.assert_close(network(image).va, network(image).va, rtol=0, atol=0)
    dropped, kept = ((network.train(mode)(image).features == 0).float().mean() for mode in (True, False))
    assert float(dropped - kept) > 0.3
