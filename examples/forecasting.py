"""Forecasting a time series: causal, dilated convolutions (Bai et al. 2018) foresee a day of hourly load, with its uncertainty."""

import argparse
import math

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

QUANTILES = (0.1, 0.5, 0.9)


def made_load(hours):
    """Hourly load as that of a town: days, weeks, seasons, a slow drift, weather that lasts for days, and noise."""
    t = torch.arange(hours)
    hour, day = t % 24, t // 24 % 7
    daily = torch.sin((hour - 8) * (2 * math.pi / 24)) + 0.5 * torch.sin((hour - 3) * (4 * math.pi / 24))
    weekend = (day >= 5).float()
    season = torch.cos(t * (2 * math.pi / (24 * 365)))
    weather, state = [], 0.0
    for shock in (0.02 * torch.randn(hours)).tolist():
        state = 0.995 * state + shock
        weather.append(state)
    load = 5 + daily * (1 - 0.4 * weekend) - 0.6 * weekend + 0.8 * season + 2e-5 * t + torch.tensor(weather) * 3
    return load + 0.1 * torch.randn(hours), hour, day


class Windows(Dataset):
    """A past of the series, with the calendar of past and future, and the future that is to be foreseen."""

    def __init__(self, load, hour, day, past, future):
        self.load, self.past, self.future = load, past, future
        angle = torch.stack([hour * (2 * math.pi / 24), day * (2 * math.pi / 7)], dim=1)
        self.calendar = torch.cat([angle.sin(), angle.cos()], dim=1)

    def __len__(self):
        return len(self.load) - self.past - self.future + 1

    def __getitem__(self, index):
        now, end = index + self.past, index + self.past + self.future
        return self.load[index:now], self.calendar[index:end], self.load[now:end]


class CausalBlock(nn.Module):
    def __init__(self, width, dilation, dropout):
        super().__init__()
        self.pad = nn.ConstantPad1d((2 * dilation, 0), 0.0)
        self.conv1 = nn.utils.parametrizations.weight_norm(nn.Conv1d(width, width, 3, dilation=dilation))
        self.conv2 = nn.utils.parametrizations.weight_norm(nn.Conv1d(width, width, 3, dilation=dilation))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        y = self.dropout(torch.relu(self.conv1(self.pad(x))))
        y = self.dropout(torch.relu(self.conv2(self.pad(y))))
        return torch.relu(x + y)


class Forecaster(nn.Module):
    """From the past (n, past) and the calendar (n, past + future, 4) to quantiles of the future (n, future, quantiles)."""

    def __init__(self, width, layers, future, dropout):
        super().__init__()
        self.future = future
        self.stem = nn.Conv1d(5, width, 1)
        self.blocks = nn.Sequential(*(CausalBlock(width, 2**level, dropout) for level in range(layers)))
        self.head = nn.Sequential(nn.Linear(width + 4, 2 * width), nn.ReLU(), nn.Linear(2 * width, len(QUANTILES)))

    def forward(self, past, calendar):
        level = past.mean(1, keepdim=True)
        inputs = torch.cat([(past - level).unsqueeze(2), calendar[:, : past.shape[1]]], dim=2)
        summary = self.blocks(self.stem(inputs.transpose(1, 2)))[:, :, -self.future :].transpose(1, 2)
        found = self.head(torch.cat([summary, calendar[:, past.shape[1] :]], dim=2))
        return found + level.unsqueeze(2)


def quantile_loss(found, target):
    quantiles = torch.tensor(QUANTILES)
    error = target.unsqueeze(2) - found
    return torch.maximum(quantiles * error, (quantiles - 1) * error).mean()


@torch.no_grad()
def evaluate(model, loader):
    """Mean absolute error of the median and of last week's values, and how often the truth lies between the outer quantiles."""
    model.eval()
    found, past, target = (torch.cat(x) for x in zip(*((model(p, c), p, y) for p, c, y in loader), strict=True))
    model.train()
    future = target.shape[1]
    last_week = past[:, -168 : len(past[0]) - 168 + future]
    inside = (target >= found[..., 0]) & (target <= found[..., 2])
    errors = [(guess - target).abs().mean().item() for guess in (found[..., 1], last_week)]
    return *errors, inside.float().mean().item()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=int, default=24 * 365 * 2)
    parser.add_argument("--past", type=int, default=192, help="hours that are seen, a week at least")
    parser.add_argument("--future", type=int, default=24, help="hours to foresee")
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="forecasting.pt")
    args = parser.parse_args(arguments)
    if args.past < 168:
        parser.error("--past: the comparison with last week needs 168 hours at least")

    torch.manual_seed(args.seed)
    series, cut = made_load(args.hours), args.hours * 9 // 10
    train_set = Windows(*(part[:cut] for part in series), args.past, args.future)
    test_set = Windows(*(part[cut:] for part in series), args.past, args.future)
    train_loader = DataLoader(train_set, args.batch_size, shuffle=True, drop_last=True)
    test_loader = DataLoader(test_set, 256)
    model = Forecaster(args.width, args.layers, args.future, dropout=0.1)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    losses = []
    for epoch in range(1, args.epochs + 1):
        for past, calendar, target in train_loader:
            loss = quantile_loss(model(past, calendar), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                print(f"epoch {epoch}  step {len(losses)}  loss {losses[-1]:.4f}")
            if len(losses) == args.steps:
                break
        error, naive, inside = evaluate(model, test_loader)
        print(
            f"epoch {epoch}  mean error {error:.4f} (as last week: {naive:.4f}); {100 * inside:.1f} % within the 80 % band"
        )
        if len(losses) == args.steps:
            break
    torch.save(model.state_dict(), args.save)
    return losses


if __name__ == "__main__":
    main()
