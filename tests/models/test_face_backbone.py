import json
from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("timm", reason="training needs the extra 'train'")

import torch
from torch.nn import functional

from fer_core import cli
from fer_core.data.errors import DataError
from fer_core.data.sample import Sample
from fer_core.data.shards import build_shard, encode_crop
from fer_core.faces.align import DEFAULT_GEOMETRY
from fer_core.models.backbones import create_backbone
from fer_core.models.face_backbone import BACKBONE, face_backbone, read_tensorflow_js
from fer_core.models.multitask import normalise
from fer_core.train.networks import load_backbone

#: Channels and strides of MobileNet's thirteen blocks (Howard et al. 2017, table 1).
CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
MEANS_BGR = (103.939, 116.779, 123.68)


def descriptor() -> dict[str, np.ndarray]:
    """Random weights under the names of the stored graph, exact in half precision, of outputs about 1."""
    rng = np.random.default_rng(3)

    def draw(*shape: int, of: float) -> np.ndarray:
        return rng.normal(0, of, shape).astype(np.float16).astype(np.float32)

    tensors = {"conv1/convolution/merged_input": draw(3, 3, 3, 32, of=0.003), "other/kernel": draw(4, 2, of=1)}
    tensors["conv1_bn/batchnorm_1/sub"] = draw(32, of=0.5)
    for n, (before, after) in enumerate(pairwise(CHANNELS), start=1):
        tensors[f"conv_dw_{n}/depthwise_kernel"] = draw(3, 3, before, 1, of=0.5)
        tensors[f"conv_dw_{n}_bn/batchnorm_1/mul"] = draw(before, of=1)
        tensors[f"conv_dw_{n}_bn/batchnorm_1/sub"] = draw(before, of=0.5)
        tensors[f"conv_pw_{n}/convolution/merged_input"] = draw(1, 1, before, after, of=(2 / before) ** 0.5)
        tensors[f"conv_pw_{n}_bn/batchnorm_1/sub"] = draw(after, of=0.5)
    return tensors


def save(tensors, path) -> None:
    entries = [
        {
            "name": name,
            "shape": list(tensor.shape),
            "dtype": "float32",
            "quantization": {"dtype": "float16", "original_dtype": "float32"},
        }
        for name, tensor in tensors.items()
    ]
    path.write_text(json.dumps({"weightsManifest": [{"paths": ["faceres.bin"], "weights": entries}]}))
    blob = b"".join(tensor.astype("<f2").tobytes() for tensor in tensors.values())
    path.with_name("faceres.bin").write_bytes(blob)


def stored_answers(tensors, luma: torch.Tensor) -> torch.Tensor:
    """What the stored graph says of grey pictures (B, S, S), layer by layer, padded with middle grey."""
    t = {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    x = functional.pad(luma, (1, 1, 1, 1), value=127.5)[:, None] - torch.tensor(MEANS_BGR).view(1, 3, 1, 1)
    kernel = t["conv1/convolution/merged_input"].permute(3, 2, 0, 1)
    x = (functional.conv2d(x, kernel, t["conv1_bn/batchnorm_1/sub"], stride=2)).clamp(0, 6)
    for n, stride in enumerate(STRIDES, start=1):
        kernel = t[f"conv_dw_{n}/depthwise_kernel"].permute(2, 3, 0, 1)
        x = functional.conv2d(x, kernel, stride=stride, padding=1, groups=x.shape[1])
        x = x * t[f"conv_dw_{n}_bn/batchnorm_1/mul"].view(1, -1, 1, 1)
        x = (x + t[f"conv_dw_{n}_bn/batchnorm_1/sub"].view(1, -1, 1, 1)).clamp(0, 6)
        kernel = t[f"conv_pw_{n}/convolution/merged_input"].permute(3, 2, 0, 1)
        x = functional.conv2d(x, kernel, t[f"conv_pw_{n}_bn/batchnorm_1/sub"]).clamp(0, 6)
    return x.mean(dim=(2, 3))


@pytest.fixture(scope="module")
def tensors():
    return descriptor()


@pytest.fixture
def graph(tmp_path, tensors):
    save(tensors, tmp_path / "faceres.json")
    return tmp_path / "faceres.json"


def pictures(count: int, side_px: int = 64) -> torch.Tensor:
    """Grey, (B, 3, S, S)."""
    luma = torch.randint(0, 256, (count, 1, side_px, side_px), generator=torch.Generator().manual_seed(1))
    return luma.float().expand(-1, 3, -1, -1)


def test_face_backbone_computes_what_the_stored_graph_does(graph, tensors):
    images = pictures(4)
    backbone = face_backbone(graph, [images[:2], images[2:]])
    with torch.inference_mode():
        expected = stored_answers(tensors, images[:, 0])
        got = backbone(normalise(images))
    assert got.shape == (4, 1024)
    assert float(expected.std()) > 0.1
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)


def test_face_backbone_that_learns_sees_the_statistics_that_were_measured(graph):
    images = pictures(6)
    backbone = face_backbone(graph, [images])
    with torch.no_grad():
        as_measured = backbone(normalise(images))
        as_in_training = backbone.train()(normalise(images))
    torch.testing.assert_close(as_in_training, as_measured, rtol=1e-3, atol=2e-3)


def test_face_backbone_without_faces_says_so(graph):
    with pytest.raises(DataError, match="no faces"):
        face_backbone(graph, [])


def test_read_tensorflow_js_reads_half_precision_by_name(graph, tensors):
    found = read_tensorflow_js(graph)
    assert found.keys() == tensors.keys()
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(found[name], tensor)
        assert found[name].dtype == np.float32


def test_read_tensorflow_js_names_what_is_wrong(tmp_path, tensors, graph):
    with pytest.raises(DataError, match=r"gone\.json: cannot be read"):
        read_tensorflow_js(tmp_path / "gone.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DataError, match=r"other\.json: is no TensorFlow\.js model"):
        read_tensorflow_js(tmp_path / "other.json")
    graph.with_name("faceres.bin").write_bytes(b"short")
    with pytest.raises(DataError, match=r"no TensorFlow\.js model with its weights"):
        read_tensorflow_js(graph)
    graph.with_name("faceres.bin").unlink()
    with pytest.raises(DataError, match=r"faceres\.bin: cannot be read"):
        read_tensorflow_js(graph)


def test_face_backbone_refuses_another_graph(tmp_path, tensors):
    save({name: t for name, t in tensors.items() if "conv_pw_7" not in name}, tmp_path / "faceres.json")
    with pytest.raises(DataError, match=r"conv_pw_7.*not the face descriptor"):
        face_backbone(tmp_path / "faceres.json", [pictures(1)])


def save_shard(folder, split: str) -> None:
    """Three pictures of noise."""
    crops = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 1), np.uint8)
    jpegs = [encode_crop(np.repeat(crop, 3, axis=2)) for crop in crops]
    samples = [Sample("made", f"{n}.png", split) for n in range(3)]
    folder.mkdir(exist_ok=True)
    build_shard("made", DEFAULT_GEOMETRY, samples, jpegs, ["detector"] * 3).save(folder / "made.npz")


def test_backbone_command_writes_what_a_recipe_starts_from(tmp_path, graph, capsys):
    save_shard(tmp_path / "prepared", "train")
    out = tmp_path / "runs" / "faces.pt"
    options = ["--data", str(tmp_path / "prepared"), "--size", "64", "--out", str(out)]
    assert cli.main(["backbone", str(graph), *options]) == 0
    assert f"{out}: {BACKBONE}" in capsys.readouterr().out
    backbone = create_backbone(BACKBONE, imagenet=False)
    load_backbone(backbone, out)
    assert float(backbone.bn1.running_var.min()) > 0


def test_backbone_command_names_a_place_that_cannot_be_written(tmp_path, graph, capsys):
    save_shard(tmp_path / "prepared", "train")
    (tmp_path / "taken").mkdir()
    options = ["--data", str(tmp_path / "prepared"), "--size", "64", "--out", str(tmp_path / "taken")]
    assert cli.main(["backbone", str(graph), *options]) == 1
    assert "taken" in capsys.readouterr().err


def test_backbone_command_names_what_is_missing(tmp_path, capsys):
    def complaint(*more: str) -> str:
        folder = str(tmp_path / "prepared")
        options = ["--data", folder, "--out", str(tmp_path / "x.pt"), *more]
        assert cli.main(["backbone", str(tmp_path / "none.json"), *options]) == 1
        return capsys.readouterr().err

    assert "holds no shards" in complaint()
    save_shard(tmp_path / "prepared", "test")
    assert "no training faces" in complaint()
    assert "--size 8" in complaint("--size", "8")
    save_shard(tmp_path / "prepared", "train")
    assert "none.json: cannot be read" in complaint()
    assert not (tmp_path / "x.pt").exists()
