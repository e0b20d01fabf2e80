"""Denoising diffusion (Ho et al. 2020): a small U-Net learns to take noise away, and draws digits from noise alone."""

import argparse
import copy
import math

import torch
import torch.nn.functional as F
from made_images import digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.utils import save_image


def time_embedding(time, width):
    """Sines and cosines of the step's number, (n,) to (n, width)."""
    frequency = torch.exp(torch.arange(width // 2) * (-math.log(10000.0) / (width // 2)))
    angle = time[:, None].float() * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=1)


class Residual(nn.Module):
    def __init__(self, inputs, outputs, time_width):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, inputs), nn.GroupNorm(8, outputs)
        self.conv1, self.conv2 = nn.Conv2d(inputs, outputs, 3, padding=1), nn.Conv2d(outputs, outputs, 3, padding=1)
        self.time = nn.Linear(time_width, outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(time))[:, :, None, None]
        return self.conv2(F.silu(self.norm2(h))) + self.shortcut(x)


class Denoiser(nn.Module):
    """From noisy images (n, 1, size, size) and the step's number (n,) to the noise that is in them."""

    def __init__(self, width):
        super().__init__()
        self.width, time_width = width, 4 * width
        self.time = nn.Sequential(nn.Linear(width, time_width), nn.SiLU(), nn.Linear(time_width, time_width))
        self.stem = nn.Conv2d(1, width, 3, padding=1)
        self.down1, self.down2 = Residual(width, width, time_width), Residual(width, 2 * width, time_width)
        self.middle1, self.middle2 = (Residual(2 * width, 2 * width, time_width) for _ in range(2))
        self.attention_norm = nn.GroupNorm(8, 2 * width)
        self.attention = nn.MultiheadAttention(2 * width, 4, batch_first=True)
        self.up2, self.up1 = Residual(4 * width, width, time_width), Residual(2 * width, width, time_width)
        self.norm, self.head = nn.GroupNorm(8, width), nn.Conv2d(width, 1, 3, padding=1)

    def attend(self, x):
        tokens = self.attention_norm(x).flatten(2).transpose(1, 2)
        return x + self.attention(tokens, tokens, tokens, need_weights=False)[0].transpose(1, 2).reshape(x.shape)

    def forward(self, x, time):
        time = self.time(time_embedding(time, self.width))
        fine = self.down1(self.stem(x), time)
        coarse = self.down2(F.avg_pool2d(fine, 2), time)
        x = self.attend(self.middle1(F.avg_pool2d(coarse, 2), time))
        x = F.interpolate(self.middle2(x, time), scale_factor=2, mode="nearest")
        x = F.interpolate(self.up2(torch.cat([x, coarse], 1), time), scale_factor=2, mode="nearest")
        x = self.up1(torch.cat([x, fine], 1), time)
        return self.head(F.silu(self.norm(x)))


class Diffusion:
    """How noise is added, by the cosine schedule of Nichol and Dhariwal (2021), and how it is taken away (sections 2 and 3)."""

    def __init__(self, times):
        self.times = times
        share = torch.cos((torch.arange(times + 1) / times + 0.008) / 1.008 * (math.pi / 2)) ** 2
        self.beta = (1 - share[1:] / share[:-1]).clamp(max=0.999)
        self.alpha = 1 - self.beta
        self.kept = self.alpha.cumprod(0)

    def add_noise(self, images, time, noise):
        kept = self.kept[time][:, None, None, None]
        return kept.sqrt() * images + (1 - kept).sqrt() * noise

    @torch.no_grad()
    def sample(self, model, shape):
        x = torch.randn(shape)
        for time in reversed(range(self.times)):
            noise = model(x, torch.full((shape[0],), time))
            mean = (x - self.beta[time] / (1 - self.kept[time]).sqrt() * noise) / self.alpha[time].sqrt()
            x = mean + self.beta[time].sqrt() * torch.randn(shape) if time > 0 else mean
        return x


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=28, help="of an image's side, a multiple of 4")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--times", type=int, default=200, help="steps from an image to noise")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="ddpm", help="begin of the names of the files that are written")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    images = digits(args.images, args.size, args.seed)[0] * 2 - 1
    loader = DataLoader(TensorDataset(images), args.batch_size, shuffle=True, drop_last=True)
    diffusion, model = Diffusion(args.times), Denoiser(args.width)
    average = copy.deepcopy(model).requires_grad_(False)  # of the weights over time: it draws better
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    losses = []
    for epoch in range(1, args.epochs + 1):
        for (x,) in loader:
            time, noise = torch.randint(args.times, (len(x),)), torch.randn_like(x)
            loss = F.mse_loss(model(diffusion.add_noise(x, time, noise), time), noise)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            with torch.no_grad():
                for kept, new in zip(average.parameters(), model.parameters(), strict=True):
                    kept.lerp_(new, 0.01)
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                print(f"epoch {epoch}  step {len(losses)}  loss {losses[-1]:.4f}")
            if len(losses) == args.steps:
                break
        if len(losses) == args.steps:
            break
    torch.save(average.state_dict(), f"{args.out}.pt")
    samples = diffusion.sample(average.eval(), (args.samples, 1, args.size, args.size))
    save_image((samples + 1) / 2, f"{args.out}.png", nrow=8)
    print(f"{args.samples} samples are in {args.out}.png")
    return losses


if __name__ == "__main__":
    main()
