"""Specs that no package has, beside modules written from their papers: with one set of weights the same numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from references.dcgan import Discriminator, Game, Generator
from references.siamese import Tower, contrastive
from references.vae import BernoulliVAE
from references.vqvae import VQVAE as VectorQuantised
from torch import Tensor, nn

from netdsl.codegen.pytorch.module import torch_module
from netdsl.program import load_file, load_text
from netdsl.runtime.data.sets import BatchPart, Dataset, InMemory, load_data
from netdsl.runtime.drawing import draw
from netdsl.runtime.engines.choice import open_engine
from netdsl.runtime.runs.recipes import plan_of
from netdsl.runtime.scoring.pytorch import RunningTotals, Scoring
from netdsl.runtime.train import train

SPECS = Path(__file__).parents[2] / "specs"


class Fed(nn.Module):
    """Stands for noise: numbers that were drawn before."""

    def __init__(self, numbers: Tensor) -> None:
        super().__init__()
        self.numbers = numbers

    def forward(self, x: Tensor) -> Tensor:
        assert len(self.numbers) == len(x)
        return self.numbers


def copied(module: nn.Module, other: nn.Module, names: dict[str, str]) -> None:
    """Give a module the weights of another, by the names of their layers."""
    theirs = other.state_dict()
    keys = {key: theirs_of(key, names) for key in module.state_dict()}
    assert sorted(keys.values()) == sorted(theirs)
    module.load_state_dict({key: theirs[name] for key, name in keys.items()})


def theirs_of(key: str, names: dict[str, str]) -> str:
    """`code.seen.weight` as the other module calls it; a free parameter has a name of its own."""
    layer, _, part = key.rpartition(".")
    return names[key] if key in names else f"{names[layer]}.{part}"


VAE = {
    "code.seen": "w3", "code.middle": "w4", "code.spread": "w5", "pixels.linear1": "w1", "pixels.linear2": "w2",
}  # fmt: skip


def test_vae_is_the_one_of_the_paper() -> None:
    net = load_file(SPECS / "vae.net").net("VAE")
    module, other = torch_module(net, 0).train(), BernoulliVAE(784, 500, 20)
    assert sum(p.numel() for p in other.parameters()) == 815_824
    copied(module, other, VAE)
    generator = torch.Generator().manual_seed(1)
    image, numbers = torch.rand(4, 1, 28, 28, generator=generator), torch.randn(4, 20, generator=generator)
    module.z_noise = Fed(numbers)
    made = module(image)
    scores, distance = other(image.flatten(1), numbers)
    torch.testing.assert_close(made["pixels"].flatten(1), scores, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(made["distance"], distance, rtol=1e-6, atol=1e-6)
    plan = plan_of(net)
    losses = Scoring(net, plan.losses, plan.metrics).loss(RunningTotals(), {"image": image, **made}, True)
    torch.testing.assert_close(sum(losses.values()), other.bound(image.flatten(1), numbers), rtol=1e-6, atol=0)


SIAMESE = {"place": "feat", **{name: name for name in ("conv1", "conv2", "ip1", "ip2")}}


def test_siamese_towers_and_their_loss_are_those_of_the_paper() -> None:
    net = load_file(SPECS / "siamese.net").net("Siamese")
    module, other = torch_module(net, 0), Tower()
    assert sum(p.numel() for p in other.parameters()) == 431_102
    copied(module, other, SIAMESE)
    image = torch.randn(6, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    label = torch.tensor([0, 1, 0, 2, 2, 0])
    place = module(image)
    torch.testing.assert_close(place, other(image), rtol=0, atol=0)
    plan = plan_of(net)
    (mine,) = Scoring(net, plan.losses, plan.metrics).loss(RunningTotals(), {"place": place, "label": label}).values()
    theirs = contrastive(other(image), label)
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=0)
    slopes = [torch.autograd.grad(loss, list(m.parameters())) for loss, m in ((mine, module), (theirs, other))]
    largest = max(float(slope.abs().max()) for slope in slopes[1])
    for ours, wanted in zip(*slopes, strict=True):  # that of the last bias is 0: all places may move together
        torch.testing.assert_close(ours, wanted, rtol=1e-3, atol=1e-4 * largest)


VQVAE = {
    "z.conv1": "down1", "z.conv2": "down2", "code.codes": "codes", "made.conv_transpose1": "up1",
    "made.conv_transpose2": "up2",
    **{
        f"{ours}.residual{i + 1}.conv{k}": f"{theirs}.{i}.{layer}"
        for ours, theirs in (("z", "encoder"), ("made", "decoder"))
        for i in range(2)
        for k, layer in ((1, "wide"), (2, "thin"))
    },
}  # fmt: skip


def test_vqvae_is_the_one_of_the_paper() -> None:
    net = load_file(SPECS / "vqvae.net").net("VQVAE")
    torch.manual_seed(0)
    module, other = torch_module(net, 0).train(), VectorQuantised(3, 256, 512)
    assert sum(p.numel() for p in other.parameters()) == 4_877_059
    copied(module, other, VQVAE)
    image = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    made = module(image)
    wanted = dict(zip(("made", "seen", "taken"), other(image), strict=True))
    assert len(other.nearest(wanted["seen"]).unique()) > 5
    for name, value in wanted.items():
        torch.testing.assert_close(made[name], value, rtol=0, atol=2e-7 * float(value.detach().abs().max()) + 1e-9)
    plan = plan_of(net)
    losses = Scoring(net, plan.losses, plan.metrics).loss(RunningTotals(), {"image": image, **made}, True)
    mine, theirs = sum(losses.values()), other.loss(image)
    torch.testing.assert_close(mine, theirs, rtol=1e-6, atol=0)
    names = dict(module.named_parameters())
    slopes = torch.autograd.grad(mine, list(names.values()))
    wanted = dict(
        zip(dict(other.named_parameters()), torch.autograd.grad(theirs, list(other.parameters())), strict=True)
    )
    for key, slope in zip(names, slopes, strict=True):
        theirs = wanted[theirs_of(key, VQVAE)]
        torch.testing.assert_close(slope, theirs, rtol=1e-4, atol=1e-5 * float(theirs.detach().abs().max()))


def test_steps_back_are_those_of_the_paper() -> None:
    """Algorithm 2 of Ho et al., 2020, with the net's own guesses and numbers drawn alike."""
    program = load_file(SPECS / "ddpm.net", {"steps": "5", "width": "8", "groups": "4"})
    module = torch_module(program.net("DDPMDigitsSample"), 0).eval()
    torch.manual_seed(3)
    with torch.no_grad():
        made = module(torch.zeros(2, 1, 8, 8))
    torch.manual_seed(3)
    x = torch.randn(2, 1, 8, 8)
    beta = torch.linspace(0.001, 0.2, 5)
    alpha, whole = 1 - beta, torch.cumprod(1 - beta, 0)
    for t in reversed(range(5)):
        with torch.no_grad():
            guess = module.chain.model(x, torch.full((2, 1), t))
        z = torch.randn(2, 1, 8, 8)
        x = (x - beta[t] / (1 - whole[t]).sqrt() * guess) / alpha[t].sqrt() + beta[t].sqrt() * z * (t > 0)
    torch.testing.assert_close(made, x, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_a_vqvae_shows_the_digits_again(tmp_path: Path) -> None:
    """Of this net and the two below ten steps are those of PyTorch (tests/passes): one engine learns to the end."""
    net = load_file(SPECS / "vqvae.net").net("VQVAEDigits")
    run = train(net, tmp_path / "run", engine="onnx", device="cpu", quiet=True)
    assert run.best["validation"]["loss"] < 0.011


@pytest.mark.slow
def test_the_digits_of_a_vae_can_be_read(tmp_path: Path) -> None:
    net = load_file(SPECS / "vae.net").net("VAEDigits")
    run = train(net, tmp_path / "run", engine="onnx", device="cpu", quiet=True)
    assert run.history[-1]["train"]["loss"] < 24.6
    for engine in ("torch", "onnx"):
        made = draw(run.folder, "VAEDigitsSample", count=64, seed=1, engine=engine, device="cpu").outputs["made"]
        assert made.max() > 0.9
        assert made.std(axis=0).mean() > 0.12


def players(width: int) -> tuple[Generator, Discriminator]:
    torch.manual_seed(0)
    return Generator(100, width), Discriminator(width)


def given(module: nn.Module, generator: Generator, discriminator: Discriminator) -> None:
    """Layers of both are in one order: weights go over by their places."""
    theirs = {"painter": generator.state_dict(), "critic": discriminator.state_dict()}
    own = {part: [k for k in module.state_dict() if k.startswith(f"{part}.")] for part in theirs}
    pairs = [zip(own[part], held.values(), strict=True) for part, held in theirs.items()]
    module.load_state_dict({key: value.clone() for pair in pairs for key, value in pair})


def test_dcgan_is_the_one_of_the_paper() -> None:
    net = load_file(SPECS / "gan.net").net("DCGAN")
    module, (generator, discriminator) = torch_module(net, 0).train(), players(64)
    assert sum(p.numel() for p in generator.parameters()) == 3_576_704
    assert sum(p.numel() for p in discriminator.parameters()) == 2_765_568
    given(module, generator, discriminator)
    image, codes = torch.rand(2, 3, 64, 64) * 2 - 1, torch.randn(2, 100)
    module.code = Fed(codes)
    made = module(image)
    torch.testing.assert_close(made["real"], discriminator(image), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(made["painted"], discriminator(generator(codes)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_dcgan_plays_as_its_reference(engine: str) -> None:
    """Three turns of both on one fixed batch; the code is a piece of the image, which is the same for all."""
    text = (SPECS / "gan.net").read_text().replace("noise(normal, [latent])", "flatten -> slice(0, end=latent)")
    net = load_text(text, "gan.net", {"width": "4"}, {"data": "digits(mean=0.5, std=0.5)"}).net("DCGAN")
    image = torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    module, (generator, discriminator) = torch_module(net, 0), players(4)
    given(module, generator, discriminator)
    start = {f"model/{key}": value.numpy().copy() for key, value in module.state_dict().items()}
    split = InMemory({"image": image.numpy(), "label": np.zeros(8, np.int64)})
    plan, turns = plan_of(net), []
    player = open_engine(engine, net, plan, Dataset({"train": split, "validation": split}, ()), "cpu")
    player.begin(start, {}, "these weights")
    player.turn_to(0)
    for number in range(3):
        totals, batch = RunningTotals(), np.arange(8)
        player.step(player.batches("train", [batch]), [BatchPart(batch, 8, 8)], [0.0002, 0.0002], number, totals)
        turns.append(totals.means())
    game = Game(generator, discriminator)
    for found in turns:
        hard, easy = game.turn(image, (image.flatten(1)[:, :100],) * 2)
        assert found["critic.to_tell_apart"] == pytest.approx(hard, rel=1e-4)
        assert found["painter.to_be_taken_for_real"] == pytest.approx(easy, rel=1e-4)
    given(module, generator, discriminator)
    held = player.weights()
    for key, value in module.named_parameters():
        assert abs(held[key] - value.detach().numpy()).max() < 1e-4, key


@pytest.mark.slow
def test_the_digits_of_a_gan_can_be_read(tmp_path: Path) -> None:
    """What is painted is as bright, and differs as much, at each pixel as the digits do."""
    net = load_file(SPECS / "gan.net").net("GANDigits")
    run = train(net, tmp_path / "run", engine="onnx", device="cpu", quiet=True)
    real = load_data(plan_of(net).data, net, {}).splits["train"].fetch(np.arange(1000))["image"]
    for engine in ("torch", "onnx"):
        made = draw(run.folder, "GANDigitsSample", count=1000, seed=1, engine=engine, device="cpu").outputs["made"]
        assert abs(made.mean(0) - real.mean(0)).mean() < 0.15
        assert 0.8 < made.std(0).mean() / real.std(0).mean() < 1.2
