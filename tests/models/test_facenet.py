import shutil

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import h5py
import torch

from fer_core import cli
from fer_core.data.dataset import Labels
from fer_core.data.errors import DataError
from fer_core.models.backbones import create_backbone
from fer_core.models.facenet import BACKBONE, facenet_backbone
from fer_core.models.head import FeatureExtractor
from fer_core.models.inception_resnet import Convolution, InceptionResNetV1
from fer_core.models.multitask import normalise
from fer_core.train.networks import create_model, features_of, load_backbone
from fer_core.train.recipe import Recipe, RecipeError, Stage

from .test_face_backbone import pictures, save_shard

#: How many blocks of each kind there are, and the convolutions of their branches, in order.
BLOCKS = {
    "Block35": (5, "0_Conv2d_1x1 1_Conv2d_0a_1x1 1_Conv2d_0b_3x3 2_Conv2d_0a_1x1 2_Conv2d_0b_3x3 2_Conv2d_0c_3x3"),
    "Block17": (10, "0_Conv2d_1x1 1_Conv2d_0a_1x1 1_Conv2d_0b_1x7 1_Conv2d_0c_7x1"),
    "Block8": (6, "0_Conv2d_1x1 1_Conv2d_0a_1x1 1_Conv2d_0b_1x3 1_Conv2d_0c_3x1"),
}
REDUCTIONS = {
    "Mixed_6a": "0_Conv2d_1a_3x3 1_Conv2d_0a_1x1 1_Conv2d_0b_3x3 1_Conv2d_1a_3x3",
    "Mixed_7a": "0_Conv2d_0a_1x1 0_Conv2d_1a_3x3 1_Conv2d_0a_1x1 1_Conv2d_1a_3x3 2_Conv2d_0a_1x1 2_Conv2d_0b_3x3 "
    "2_Conv2d_1a_3x3",
}


def convolutions(module: torch.nn.Module) -> list[torch.nn.Module]:
    return [inner for inner in module.modules() if isinstance(inner, Convolution)]


def named(network: InceptionResNetV1) -> dict[str, torch.nn.Module]:
    """The convolutions of a network under the names of the Keras file."""
    stem = [f"Conv2d_{n}" for n in ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3", "4b_3x3")]
    found = dict(zip(stem, convolutions(network.stem), strict=True))
    for kind, blocks in (("Block35", network.blocks35), ("Block17", network.blocks17), ("Block8", network.blocks8)):
        count, branches = BLOCKS[kind]
        assert len(blocks) == count
        for n, block in enumerate(blocks, start=1):
            inner = convolutions(block.branches)
            found |= {f"{kind}_{n}_Branch_{b}": m for b, m in zip(branches.split(), inner, strict=True)}
            found[f"{kind}_{n}_Conv2d_1x1"] = block.up
    for kind, reduction in (("Mixed_6a", network.reduction_a), ("Mixed_7a", network.reduction_b)):
        inner = convolutions(reduction)
        found |= {f"{kind}_Branch_{b}": m for b, m in zip(REDUCTIONS[kind].split(), inner, strict=True)}
    return found


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A Keras file of a network with random weights, and that network, which divides by the deviation of a face."""
    torch.manual_seed(0)
    network = InceptionResNetV1().eval()
    path = tmp_path_factory.mktemp("keras") / "facenet.h5"
    with h5py.File(path, "w") as file, torch.no_grad():
        weights = file.create_group("model_weights")
        for name, module in named(network).items():
            convolution = module.conv if isinstance(module, Convolution) else module
            kernel = convolution.weight.permute(2, 3, 1, 0)
            weights[f"{name}/{name}/kernel:0"] = kernel.numpy()
            if not isinstance(module, Convolution):
                weights[f"{name}/{name}/bias:0"] = convolution.bias.numpy()
                continue
            bn, layer = module.bn, f"{name}_BatchNorm"
            bn.running_mean.normal_(0, 0.1)
            bn.running_var.uniform_(0.2, 0.5)
            bn.bias.normal_(0, 0.1)
            kinds = {"beta": bn.bias, "moving_mean": bn.running_mean, "moving_variance": bn.running_var}
            for kind, tensor in kinds.items():
                weights[f"{layer}/{layer}/{kind}:0"] = tensor.numpy()
    return path, network


def test_facenet_backbone_computes_what_the_stored_network_does(stored):
    path, network = stored
    images = pictures(4, 96)
    with torch.inference_mode():
        expected = network((images - 127.5) / 58)
    backbone = facenet_backbone(path, [images])
    with torch.inference_mode():
        got = backbone(normalise(images))
    assert got.shape == (4, 1792)
    assert float(expected.std()) > 0.01
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-4)
    bn = backbone.stem[0].bn
    assert not torch.equal(bn.running_var, network.stem[0].bn.running_var), "measured on these faces"


def test_facenet_backbone_names_what_is_wrong(tmp_path, stored):
    with pytest.raises(DataError, match=r"gone\.h5: cannot be read"):
        facenet_backbone(tmp_path / "gone.h5", [pictures(1, 96)])
    (tmp_path / "text.h5").write_text("no such file format")
    with pytest.raises(DataError, match=r"text\.h5: cannot be read as a Keras file"):
        facenet_backbone(tmp_path / "text.h5", [pictures(1, 96)])
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["dense/dense/kernel:0"] = np.zeros((2, 2), np.float32)
        file["at the root"] = np.zeros(2, np.float32)
        file["some/words"] = "no weights"
    with pytest.raises(DataError, match=r"Conv2d_1a_3x3"):
        facenet_backbone(tmp_path / "other.h5", [pictures(1, 96)])
    for shape in ((2, 2), (3, 3, 3, 31)):
        path = tmp_path / f"{len(shape)}.h5"
        shutil.copy(stored[0], path)
        with h5py.File(path, "a") as file:
            del file["model_weights/Conv2d_1a_3x3/Conv2d_1a_3x3/kernel:0"]
            file["model_weights/Conv2d_1a_3x3/Conv2d_1a_3x3/kernel:0"] = np.zeros(shape, np.float32)
        with pytest.raises(DataError, match=rf"{path}: is not the network"):
            facenet_backbone(path, [pictures(1, 96)])


def test_inception_resnet_has_maps_for_every_head_and_names_a_size_that_is_too_small():
    backbone = create_backbone(BACKBONE, imagenet=False).eval()
    with torch.inference_mode():
        features = FeatureExtractor(backbone)(torch.zeros(1, 3, 75, 75))
    assert (features.maps.shape[1], features.pooled.shape) == (1792, (1, 1792))
    labels = Labels(*(np.empty((0, width), np.float32) for width in (8, 2, 18)))
    small = Recipe(backbone=BACKBONE, imagenet=False, drop_path_rate=0.0, stages=(Stage(1, 64),))
    with pytest.raises(RecipeError, match="75 or more pixels; set size_px"):
        features_of(create_model(small, labels, imagenet=False), small)


def test_backbone_command_reads_a_keras_file(tmp_path, stored, capsys):
    save_shard(tmp_path / "prepared", "train")
    out = tmp_path / "facenet.pt"
    options = ["--data", str(tmp_path / "prepared"), "--out", str(out)]
    assert cli.main(["backbone", str(stored[0]), *options, "--size", "64"]) == 1
    assert "expected 75 or more" in capsys.readouterr().err
    assert cli.main(["backbone", str(stored[0]), *options]) == 0
    assert f"{out}: {BACKBONE}" in capsys.readouterr().out
    load_backbone(create_backbone(BACKBONE, imagenet=False), out)
