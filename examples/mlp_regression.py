"""Regression with a multilayer perceptron: Friedman's function of ten variables, from noisy samples (Friedman 1991, section 4.3)."""

import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split


def friedman(count):
    """Points in the unit cube of ten dimensions, of which five matter, and noisy values there."""
    x = torch.rand(count, 10)
    y = 10 * torch.sin(math.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return TensorDataset(x, (y + torch.randn(count)).unsqueeze(1))


@torch.no_grad()
def evaluate(model, loader):
    """The mean squared error, and the share of the variance that is explained."""
    model.eval()
    outputs, targets = zip(*((model(x), y) for x, y in loader), strict=True)
    output, target = torch.cat(outputs), torch.cat(targets)
    model.train()
    error = nn.functional.mse_loss(output, target)
    return error.item(), (1 - error / target.var(correction=0)).item()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="mlp_regression.pt", help="where the best weights go")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    held_out = args.samples // 5
    train_set, validation_set = random_split(friedman(args.samples), [args.samples - held_out, held_out])
    train_loader = DataLoader(train_set, args.batch_size, shuffle=True, drop_last=True)
    validation_loader = DataLoader(validation_set, 512)

    model = nn.Sequential(
        nn.Linear(10, args.hidden),
        nn.ReLU(),
        nn.Dropout(0.05),
        nn.Linear(args.hidden, args.hidden),
        nn.ReLU(),
        nn.Linear(args.hidden, 1),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-3)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.epochs * len(train_loader))
    losses, best = [], math.inf
    for epoch in range(1, args.epochs + 1):
        for x, y in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            if len(losses) == args.steps:
                break
        error, explained = evaluate(model, validation_loader)
        print(f"epoch {epoch:3}  loss {losses[-1]:.4f}  validation {error:.4f}  R² {explained:.4f}")
        if error < best:
            best = error
            torch.save({"model": model.state_dict(), "epoch": epoch, "error": error}, args.save)
        if len(losses) == args.steps:
            break

    checkpoint = torch.load(args.save)
    model.load_state_dict(checkpoint["model"])
    error, explained = evaluate(model, validation_loader)
    print(
        f"best: epoch {checkpoint['epoch']}, mean squared error {error:.4f} (the noise alone is 1), R² {explained:.4f}"
    )
    return losses


if __name__ == "__main__":
    main()
