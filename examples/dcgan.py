"""DCGAN (Radford et al. 2015): a generator and a discriminator of convolutions, on digits of 64x64."""

import argparse

import torch
from made_images import digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.utils import save_image


class Generator(nn.Sequential):
    """From noise (n, latent, 1, 1) to images (n, 1, 64, 64) between -1 and 1."""

    def __init__(self, latent, width):
        def up(inputs, outputs, stride, padding):
            convolution = nn.ConvTranspose2d(inputs, outputs, 4, stride, padding, bias=False)
            return convolution, nn.BatchNorm2d(outputs), nn.ReLU(True)

        super().__init__(
            *up(latent, width * 8, 1, 0),
            *up(width * 8, width * 4, 2, 1),
            *up(width * 4, width * 2, 2, 1),
            *up(width * 2, width, 2, 1),
            nn.ConvTranspose2d(width, 1, 4, 2, 1, bias=False),
            nn.Tanh(),
        )


class Discriminator(nn.Sequential):
    """From images to one logit each: is it real?"""

    def __init__(self, width):
        def down(inputs, outputs):
            convolution = nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False)
            return convolution, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.2, inplace=True)

        super().__init__(
            nn.Conv2d(1, width, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            *down(width, width * 2),
            *down(width * 2, width * 4),
            *down(width * 4, width * 8),
            nn.Conv2d(width * 8, 1, 4, 1, 0, bias=False),
            nn.Flatten(0),
        )


def initialize(module):
    name = type(module).__name__
    if "Conv" in name:
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif "BatchNorm" in name:
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--latent", type=int, default=100)
    parser.add_argument("--width", type=int, default=32, help="channels of the largest layer; the paper's are 128")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="dcgan", help="begin of the names of the files that are written")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    images = digits(args.images, 64, args.seed)[0] * 2 - 1
    loader = DataLoader(TensorDataset(images), args.batch_size, shuffle=True, drop_last=True)
    generator = Generator(args.latent, args.width).apply(initialize)
    discriminator = Discriminator(args.width).apply(initialize)
    criterion = nn.BCEWithLogitsLoss()
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=args.lr, betas=(0.5, 0.999))
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=args.lr, betas=(0.5, 0.999))
    fixed_noise = torch.randn(64, args.latent, 1, 1)
    real_label, fake_label = torch.ones(args.batch_size), torch.zeros(args.batch_size)

    losses = []
    for epoch in range(1, args.epochs + 1):
        for (real,) in loader:
            discriminator.zero_grad()
            loss_real = criterion(discriminator(real), real_label)
            loss_real.backward()
            fake = generator(torch.randn(args.batch_size, args.latent, 1, 1))
            loss_fake = criterion(discriminator(fake.detach()), fake_label)
            loss_fake.backward()
            optimizer_d.step()

            generator.zero_grad()
            loss_g = criterion(discriminator(fake), real_label)
            loss_g.backward()
            optimizer_g.step()

            loss_d = loss_real + loss_fake
            losses.append(loss_d.item() + loss_g.item())
            if len(losses) % 50 == 0:
                print(
                    f"epoch {epoch}  step {len(losses)}  discriminator {loss_d.item():.4f}  generator {loss_g.item():.4f}"
                )
            if len(losses) == args.steps:
                break
        with torch.no_grad():
            save_image(generator(fixed_noise), f"{args.out}.png", nrow=8, normalize=True, value_range=(-1, 1))
        torch.save({"generator": generator.state_dict(), "discriminator": discriminator.state_dict()}, f"{args.out}.pt")
        if len(losses) == args.steps:
            break
    print(f"samples are in {args.out}.png")
    return losses


if __name__ == "__main__":
    main()
