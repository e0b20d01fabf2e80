"""Segmentation with a U-Net (Ronneberger et al. 2015): which pixels belong to a disc, a square or a triangle?"""

import argparse

import torch
import torch.nn.functional as F
from made_images import SHAPES, shapes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.utils import save_image


class DoubleConv(nn.Sequential):
    def __init__(self, inputs, outputs):
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    def __init__(self, classes, width=16, depth=3):
        super().__init__()
        widths = [width << level for level in range(depth + 1)]
        self.stem = DoubleConv(3, width)
        self.down = nn.ModuleList(DoubleConv(a, b) for a, b in zip(widths, widths[1:], strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, stride=2) for a, b in zip(widths, widths[1:], strict=False))
        self.merge = nn.ModuleList(DoubleConv(2 * a, a) for a in widths[:-1])
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        levels = [self.stem(x)]
        for block in self.down:
            levels.append(block(F.max_pool2d(levels[-1], 2)))
        x = levels.pop()
        for up, merge in zip(reversed(self.up), reversed(self.merge), strict=True):
            x = merge(torch.cat([levels.pop(), up(x)], dim=1))
        return self.head(x)


def dice_loss(logits, masks):
    """One less the mean overlap of the classes."""
    probability = logits.softmax(1)
    target = F.one_hot(masks, logits.shape[1]).permute(0, 3, 1, 2).to(probability.dtype)
    overlap = (probability * target).sum((0, 2, 3))
    return 1 - (2 * overlap / (probability + target).sum((0, 2, 3)).clamp(min=1e-6)).mean()


@torch.no_grad()
def intersection_over_union(model, loader, classes):
    """For each class the pixels rightly found, of those that are found or should be."""
    model.eval()
    confusion = torch.zeros(classes, classes)
    for images, masks in loader:
        pairs = masks * classes + model(images).argmax(1)
        confusion += torch.bincount(pairs.flatten(), minlength=classes**2).reshape(classes, classes)
    model.train()
    right = confusion.diag()
    return (right / (confusion.sum(0) + confusion.sum(1) - right)).tolist()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--size", type=int, default=64, help="of an image's side, a multiple of 8")
    parser.add_argument("--width", type=int, default=16, help="channels of the first level")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="unet_segmentation", help="begin of the names of the files that are written")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    train_loader = DataLoader(
        TensorDataset(*shapes(args.images, args.size, args.seed)), args.batch_size, shuffle=True, drop_last=True
    )
    test_images, test_masks = shapes(max(args.images // 10, 8), args.size, args.seed + 1)
    test_loader = DataLoader(TensorDataset(test_images, test_masks), args.batch_size)
    model = UNet(len(SHAPES), args.width)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    losses = []
    for epoch in range(1, args.epochs + 1):
        for images, masks in train_loader:
            optimizer.zero_grad()
            logits = model(images)
            loss = F.cross_entropy(logits, masks) + dice_loss(logits, masks)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == args.steps:
                break
        shares = intersection_over_union(model, test_loader, len(SHAPES))
        text = "  ".join(f"{name} {share:.3f}" for name, share in zip(SHAPES, shares, strict=True))
        print(f"epoch {epoch}  loss {losses[-1]:.4f}  IoU: {text}")
        if len(losses) == args.steps:
            break
    torch.save(model.state_dict(), f"{args.out}.pt")
    with torch.no_grad():
        found = model.eval()(test_images[:8]).argmax(1)
    colours = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.3, 0.3], [0.3, 1.0, 0.3], [0.3, 0.3, 1.0]])
    rows = [
        test_images[:8].clamp(0, 1),
        colours[test_masks[:8]].permute(0, 3, 1, 2),
        colours[found].permute(0, 3, 1, 2),
    ]
    save_image(torch.cat(rows), f"{args.out}.png", nrow=8)
    print(f"images, true masks and found ones are in {args.out}.png")
    return losses


if __name__ == "__main__":
    main()
