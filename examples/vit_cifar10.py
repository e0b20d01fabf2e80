"""A Vision Transformer on CIFAR-10 (Dosovitskiy et al. 2020): patches are the words of an image."""

import argparse

import torch
import torch.nn.functional as F
import torchvision
from made_images import ColouredDigits
from torch import nn
from torch.utils.data import DataLoader
from torchvision import transforms


class ViT(nn.Module):
    def __init__(self, image=32, patch=4, width=128, heads=4, layers=6, dropout=0.1, classes=10):
        super().__init__()
        self.patches = nn.Conv2d(3, width, kernel_size=patch, stride=patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, (image // patch) ** 2 + 1, width))
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)

    def forward(self, images):
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(images), -1, -1), tokens], dim=1)
        encoded = self.encoder(tokens + self.positions)
        return self.head(self.norm(encoded[:, 0]))


def mixup(images, labels, classes, alpha=0.2):
    """Each image mixed with another, and so are the labels (Zhang et al. 2017)."""
    share = torch.rand(()).pow(1 / alpha)  # mostly near 0: a little of the other
    order = torch.randperm(len(images))
    targets = F.one_hot(labels, classes).float()
    return torch.lerp(images, images[order], share), torch.lerp(targets, targets[order], share)


def loaders(args):
    normalize = transforms.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    augment = transforms.Compose([transforms.RandomCrop(32, padding=4), transforms.ToTensor(), normalize])
    plain = transforms.Compose([transforms.ToTensor(), normalize])
    if args.made:
        train_set, test_set = ColouredDigits(20_000, augment), ColouredDigits(2_000, plain, seed=1)
    else:
        train_set = torchvision.datasets.CIFAR10(args.data, train=True, download=True, transform=augment)
        test_set = torchvision.datasets.CIFAR10(args.data, train=False, download=True, transform=plain)
    return DataLoader(train_set, args.batch_size, shuffle=True, drop_last=True), DataLoader(test_set, 256)


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in loader)
    model.train()
    return right / len(loader.dataset)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", default="./data", help="folder of CIFAR-10, which is downloaded where it is not there"
    )
    parser.add_argument("--made", action="store_true", help="learn coloured digits that are made in code, not CIFAR-10")
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="vit_cifar10.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    train_loader, test_loader = loaders(args)
    model = ViT(width=args.width, heads=args.heads, layers=args.layers)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, args.epochs * len(train_loader), pct_start=0.1)
    losses = []
    for epoch in range(1, args.epochs + 1):
        for images, labels in train_loader:
            images, targets = mixup(images, labels, classes=10)
            loss = F.cross_entropy(model(images), targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                print(f"epoch {epoch}  step {len(losses)}  loss {losses[-1]:.4f}")
            if len(losses) == args.steps:
                break
        print(f"epoch {epoch}  test accuracy {100 * accuracy(model, test_loader):.1f} %")
        torch.save(model.state_dict(), args.save)
        if len(losses) == args.steps:
            break
    return losses


if __name__ == "__main__":
    main()
