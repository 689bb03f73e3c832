from dataclasses import replace

import pytest

pytest.importorskip("torch", reason="training needs the extra 'train'")

import torch

from fer_core.models.vae_gan import ConditionalBatchNorm, SelfAttention, VaeGan, VaeGanSize

SMALL = VaeGanSize(size_px=48, width=2, latent=6, embedding=3, classes=4)


@pytest.mark.parametrize(
    ("size_px", "sides", "widths"),
    [
        (48, (48, 24, 12, 6), (2, 4, 8, 16)),
        (64, (64, 32, 16, 8, 4), (2, 4, 8, 16, 32)),
        (100, (100, 50, 25, 13, 7), (2, 4, 8, 16, 32)),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_vae_gan_halves_and_doubles_back(size_px, sides, widths, channels):
    size = replace(SMALL, size_px=size_px, channels=channels)
    assert (size.sides, size.widths) == (sides, widths)
    model = VaeGan(size)
    image = torch.rand(2, channels, size_px, size_px) * 2 - 1
    label = torch.tensor([0, 3])
    mean, log_variance = model.encoder(image)
    assert mean.shape == log_variance.shape == (2, 6)
    made = model.generator(mean, label)
    assert made.shape == image.shape
    assert made.abs().max() <= 1
    assert model.discriminator(made, label).shape == (2,)


def test_vae_gan_trains_every_parameter():
    torch.manual_seed(0)
    model = VaeGan(replace(SMALL, width=4))
    image, label = torch.rand(4, 1, 48, 48) * 2 - 1, torch.arange(4)
    for attention in (model.generator.attention, model.discriminator.blocks[2]):
        torch.nn.init.constant_(attention.share, 0.5)  # at 0 it hides what is behind it
    mean, log_variance = model.encoder(image)
    made = model.generator(mean + (0.5 * log_variance).exp(), label)
    (model.discriminator(made, label).mean() + (made - image).abs().mean()).backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0]
    assert not still


def test_generator_makes_another_image_of_another_class_and_encoding():
    torch.manual_seed(0)
    generator = VaeGan(SMALL).generator.eval()
    encoding = torch.randn(1, 6)
    first = generator(encoding, torch.tensor([0]))
    assert torch.equal(first, generator(encoding, torch.tensor([0])))
    assert not torch.equal(first, generator(encoding, torch.tensor([1])))
    assert not torch.equal(first, generator(encoding + 1, torch.tensor([0])))


def test_discriminator_projects_on_the_class():
    torch.manual_seed(0)
    discriminator = VaeGan(SMALL).discriminator.eval()
    image = torch.rand(1, 1, 48, 48)
    features = discriminator.blocks(image).relu().sum(dim=(2, 3))[0]
    for label in range(4):
        expected = discriminator.score(features)[0] + discriminator.embedding.weight[label] @ features
        assert discriminator(image, torch.tensor([label])).item() == pytest.approx(expected.item(), rel=1e-5)


def test_spectral_norm_bounds_every_layer_of_generator_and_discriminator():
    torch.manual_seed(0)
    model = VaeGan(SMALL)
    with torch.no_grad():
        for module in model.modules():
            if hasattr(module, "parametrizations"):
                module.parametrizations["weight"].original.mul_(7)
    image, label = torch.rand(4, 1, 48, 48), torch.arange(4)
    for _ in range(40):  # one power iteration a pass
        with torch.no_grad():
            model.discriminator(model.generator(model.encoder(image)[0], label), label)
    model.eval()
    layers = {n: m for n, m in model.named_modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)}
    checked = 0
    for name, layer in layers.items():
        largest = torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item()
        if not name.startswith("encoder"):
            assert largest == pytest.approx(1, abs=0.05), name
            checked += 1
    assert checked > 20


def test_conditional_batch_norm_equals_a_naive_one():
    torch.manual_seed(0)
    layer = ConditionalBatchNorm(3, 5)
    grid, condition = torch.randn(4, 3, 2, 2), torch.randn(4, 5)
    found = layer(grid, condition)
    mean, variance = grid.mean(dim=(0, 2, 3)), grid.var(dim=(0, 2, 3), unbiased=False)
    scale, shift = condition @ layer.scale.weight.T, condition @ layer.shift.weight.T
    for b in range(4):
        for c in range(3):
            normal = (grid[b, c] - mean[c]) / (variance[c] + 1e-5).sqrt()
            torch.testing.assert_close(found[b, c], normal * (1 + scale[b, c]) + shift[b, c], rtol=1e-3, atol=1e-3)


def test_self_attention_starts_as_the_identity_and_equals_a_naive_one():
    torch.manual_seed(0)
    layer = SelfAttention(8).eval()
    grid = torch.randn(1, 8, 5, 5)
    assert torch.equal(layer(grid), grid)
    torch.nn.init.ones_(layer.share)
    pool = torch.nn.functional.max_pool2d
    query, key, value = layer.query(grid)[0], pool(layer.key(grid), 2)[0], pool(layer.value(grid), 2)[0]
    seen = torch.zeros(4, 5, 5)
    for row in range(5):
        for column in range(5):
            scores = torch.stack([query[:, row, column] @ key[:, r, c] for r in range(2) for c in range(2)])
            for weight, (r, c) in zip(scores.softmax(0), [(r, c) for r in range(2) for c in range(2)], strict=True):
                seen[:, row, column] += weight * value[:, r, c]
    torch.testing.assert_close(layer(grid), grid + layer.back(seen[None]))


@pytest.mark.parametrize(
    ("change", "complaint"), [({"size_px": 8}, "16 or more"), ({"channels": 2}, "1 or 3"), ({"width": 0}, "at least 1")]
)
def test_vae_gan_size_refuses_what_does_not_work(change, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(SMALL, **change)
