"""word2vec: skip-gram with negative sampling (Mikolov et al. 2013), and which words are near each other."""

import argparse

import corpus
import torch
import torch.nn.functional as F
from torch import nn


class SkipGram(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.centre = nn.Embedding(words, width)
        self.context = nn.Embedding(words, width)
        nn.init.uniform_(self.centre.weight, -0.5 / width, 0.5 / width)
        nn.init.zeros_(self.context.weight)

    def forward(self, centre, context, negative):
        """The loss of words (batch,), their neighbours (batch,) and words that are none (batch, negatives)."""
        centre = self.centre(centre)
        near = (centre * self.context(context)).sum(1)
        far = torch.bmm(self.context(negative), centre.unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(near) + F.logsigmoid(-far).sum(1)).mean()


def skip_grams(tokens, window):
    """All pairs of a word and one at most `window` away: (2, pairs)."""
    found = []
    for distance in range(1, window + 1):
        found += [
            torch.stack([tokens[distance:], tokens[:-distance]]),
            torch.stack([tokens[:-distance], tokens[distance:]]),
        ]
    return torch.cat(found, dim=1)


def subsample(tokens, counts, threshold):
    """Leaves out frequent words at random (section 2.3)."""
    share = counts / counts.sum()
    keep = (threshold / share).sqrt().clamp(max=1)
    return tokens[torch.rand(len(tokens)) < keep[tokens]]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", help="file to learn from (default: Python's language reference)")
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--window", type=int, default=4)
    parser.add_argument("--negatives", type=int, default=8)
    parser.add_argument("--least", type=int, default=5, help="occurrences that make a word count")
    parser.add_argument("--batch-size", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument(
        "--words",
        nargs="+",
        default=["function", "class", "integer", "true", "statement"],
        help="whose neighbours to show",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="word2vec.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    text = [word for word in corpus.words(corpus.read(args.text)) if word.isalpha()]
    words = corpus.vocabulary(text, args.least)[1:]
    number = {word: index for index, word in enumerate(words)}
    tokens = torch.tensor([number[word] for word in text if word in number])
    counts = torch.bincount(tokens, minlength=len(words)).float()
    noise = counts**0.75
    print(f"{len(tokens):,} words, {len(words):,} different ones")

    model = SkipGram(len(words), args.width)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    losses = []
    for epoch in range(1, args.epochs + 1):
        pairs = skip_grams(subsample(tokens, counts, 1e-3), args.window)
        pairs = pairs[:, torch.randperm(pairs.shape[1])]
        before = len(losses)
        for centre, context in zip(*(side.split(args.batch_size) for side in pairs), strict=True):
            negative = torch.multinomial(noise, len(centre) * args.negatives, replacement=True)
            loss = model(centre, context, negative.view(len(centre), -1))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == args.steps:
                break
        print(f"epoch {epoch}  loss {sum(losses[before:]) / (len(losses) - before):.4f}")
        if len(losses) == args.steps:
            break
    torch.save({"words": words, "vectors": model.centre.weight.detach()}, args.save)

    vectors = F.normalize(model.centre.weight.detach())
    for word in args.words:
        if word in number:
            near = (vectors @ vectors[number[word]]).topk(7).indices.tolist()[1:]
            print(f"{word}: {', '.join(words[index] for index in near)}")
    return losses


if __name__ == "__main__":
    main()
