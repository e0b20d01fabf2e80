"""A variational autoencoder of digits (Kingma and Welling 2013): samples, reconstructions and a walk between two digits."""

import argparse

import torch
import torch.nn.functional as F
from made_images import digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from torchvision.utils import save_image


class VAE(nn.Module):
    def __init__(self, hidden=400, latent=20):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden), nn.ReLU())
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        self.decoder = nn.Sequential(
            nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 784), nn.Unflatten(1, (1, 28, 28))
        )

    def forward(self, x):
        hidden = self.encoder(x)
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(z), mean, log_variance


def negative_elbo(logits, x, mean, log_variance):
    """Reconstruction error plus the divergence from a standard normal distribution, in nats an image."""
    reconstruction = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    return (reconstruction + divergence) / len(x)


@torch.no_grad()
def pictures(model, images, path):
    """Eight originals, their reconstructions, a walk from the first to the second, and eight samples."""
    model.eval()
    logits, mean, _ = model(images[:8])
    steps = torch.linspace(0, 1, 8).unsqueeze(1)
    walk = model.decoder((1 - steps) * mean[0] + steps * mean[1])
    samples = model.decoder(torch.randn(8, mean.shape[1]))
    rows = [images[:8], logits.sigmoid(), walk.sigmoid(), samples.sigmoid()]
    save_image(torch.cat(rows), path, nrow=8)
    model.train()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--hidden", type=int, default=400)
    parser.add_argument("--latent", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="vae", help="begin of the names of the files that are written")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    images, labels = digits(args.images, seed=args.seed)
    test_images, _ = digits(1000, seed=args.seed + 1)
    loader = DataLoader(TensorDataset(images, labels), args.batch_size, shuffle=True, drop_last=True)
    model = VAE(args.hidden, args.latent)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    losses = []
    for epoch in range(1, args.epochs + 1):
        for x, _ in loader:
            optimizer.zero_grad()
            logits, mean, log_variance = model(x)
            loss = negative_elbo(logits, x, mean, log_variance)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == args.steps:
                break
        with torch.no_grad():
            logits, mean, log_variance = model(test_images)
            test = negative_elbo(logits, test_images, mean, log_variance).item()
        print(f"epoch {epoch}  -ELBO {losses[-1]:.2f}  of test images {test:.2f}")
        if len(losses) == args.steps:
            break
    pictures(model, test_images, f"{args.out}.png")
    torch.save(model.state_dict(), f"{args.out}.pt")
    print(f"originals, reconstructions, a walk and samples are in {args.out}.png")
    return losses


if __name__ == "__main__":
    main()
