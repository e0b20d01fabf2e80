"""A Siamese network with a contrastive loss (Hadsell et al. 2006): digits it has never seen are told apart from one example each."""

import argparse

import torch
import torch.nn.functional as F
from made_images import digits
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Embedder(nn.Module):
    """From images (n, 1, 28, 28) to vectors (n, width), near each other for the same digit."""

    def __init__(self, width):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3, padding=1), nn.PReLU(), nn.MaxPool2d(2),
            nn.Conv2d(64, 64, 3, padding=1), nn.PReLU(), nn.AdaptiveAvgPool2d(3),
        )  # fmt: skip
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(64 * 9, 128), nn.PReLU(), nn.Linear(128, width))

    def forward(self, x):
        return self.head(self.features(x))


class Pairs(Dataset):
    """Two images, and 1 if they show the same digit, else 0; as many of the one as of the other."""

    def __init__(self, images, labels, count):
        self.images = images
        places = [(labels == kind).nonzero().flatten() for kind in labels.unique()]
        first = torch.randint(len(labels), (count,))
        self.same = torch.arange(count) % 2
        kinds = torch.unique(labels, return_inverse=True)[1]
        other = (kinds[first] + torch.randint(1, len(places), (count,))) % len(places)
        kind = torch.where(self.same == 1, kinds[first], other)
        chance = torch.rand(count)
        second = [places[k][int(c * len(places[k]))] for k, c in zip(kind.tolist(), chance.tolist(), strict=True)]
        self.pairs = torch.stack([first, torch.stack(second)], dim=1).tolist()

    def __len__(self):
        return len(self.pairs)

    def __getitem__(self, index):
        first, second = self.pairs[index]
        return self.images[first], self.images[second], self.same[index]


def contrastive_loss(a, b, same, margin):
    """Draws pairs of the same together, and others apart up to the margin."""
    distance = F.pairwise_distance(a, b)
    return torch.where(same == 1, distance.square(), F.relu(margin - distance).square()).mean()


@torch.no_grad()
def one_shot(model, images, labels, rounds=50):
    """How often the nearest of one example for each digit is the right one."""
    model.eval()
    vectors, right, count = model(images), 0, 0
    for _ in range(rounds):
        examples = torch.stack(
            [c[torch.randint(len(c), ())] for c in (torch.where(labels == k)[0] for k in labels.unique())]
        )
        nearest = torch.cdist(vectors, vectors[examples]).argmin(dim=1)
        right += (labels[examples][nearest] == labels).sum().item() - len(examples)
        count += len(labels) - len(examples)
    model.train()
    return right / count


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--pairs", type=int, default=20_000, help="pairs an epoch")
    parser.add_argument("--width", type=int, default=32, help="of a vector")
    parser.add_argument("--margin", type=float, default=1.0)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="siamese.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    images, labels = digits(args.images, seed=args.seed)
    known = labels < 7  # the digits 7, 8 and 9 are seen in the test alone
    unseen_images, unseen_labels = images[~known][:600], labels[~known][:600]
    model = Embedder(args.width)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    print(f"before: {100 * one_shot(model, unseen_images, unseen_labels):.1f} % of unseen digits from one example")
    losses = []
    for epoch in range(1, args.epochs + 1):
        loader = DataLoader(
            Pairs(images[known], labels[known], args.pairs), args.batch_size, shuffle=True, drop_last=True
        )
        for first, second, same in loader:
            loss = contrastive_loss(model(first), model(second), same, args.margin)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == args.steps:
                break
        found = one_shot(model, unseen_images, unseen_labels)
        print(f"epoch {epoch}  loss {losses[-1]:.4f}  {100 * found:.1f} % of unseen digits from one example")
        if len(losses) == args.steps:
            break
    torch.save(model.state_dict(), args.save)
    return losses


if __name__ == "__main__":
    main()
