"""A language model of words: an LSTM whose state goes on from batch to batch, tied weights (Zaremba et al. 2014, Press and Wolf 2017)."""

import argparse
import math

import corpus
import torch
import torch.nn.functional as F
from torch import nn


class LanguageModel(nn.Module):
    def __init__(self, words, width, layers, dropout):
        super().__init__()
        self.drop = nn.Dropout(dropout)
        self.embedding = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, layers, dropout=dropout)
        self.decoder = nn.Linear(width, words)
        self.decoder.weight = self.embedding.weight
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        nn.init.zeros_(self.decoder.bias)

    def forward(self, tokens, state=None):
        """From tokens (time, batch) to logits (time, batch, words) and the state to go on with."""
        output, state = self.lstm(self.drop(self.embedding(tokens)), state)
        return self.decoder(self.drop(output)), state


def columns(tokens, batch_size):
    """One long text as `batch_size` columns that are read side by side."""
    length = len(tokens) // batch_size
    return tokens[: length * batch_size].view(batch_size, length).t().contiguous()


def pieces(text, length):
    """Inputs and targets, piece after piece."""
    for start in range(0, len(text) - 1, length):
        end = min(start + length, len(text) - 1)
        yield text[start:end], text[start + 1 : end + 1]


@torch.no_grad()
def perplexity(model, text, length):
    model.eval()
    state, total, count = None, 0.0, 0
    for inputs, targets in pieces(text, length):
        logits, state = model(inputs, state)
        total += F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum").item()
        count += targets.numel()
    model.train()
    return math.exp(total / count)


@torch.no_grad()
def write(model, words, count):
    model.eval()
    token, state, text = torch.randint(len(words), (1, 1)), None, []
    for _ in range(count):
        logits, state = model(token, state)
        logits[..., 0] = -math.inf  # never the unknown word
        token = torch.multinomial(F.softmax(logits[-1], dim=-1), 1)
        text.append(words[token.item()])
    model.train()
    return " ".join(text)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", help="file to learn from (default: Python's language reference)")
    parser.add_argument("--width", type=int, default=200)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--length", type=int, default=35, help="words through which gradients go back")
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--lr", type=float, default=20.0)
    parser.add_argument("--clip", type=float, default=0.25)
    parser.add_argument("--write", type=int, default=60, help="words to write at the end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="lstm_language_model.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    text = corpus.words(corpus.read(args.text))
    words = corpus.vocabulary(text, least=3)
    number = {word: index for index, word in enumerate(words)}
    tokens = torch.tensor([number.get(word, 0) for word in text])
    held_out = len(tokens) // 20
    train_text, test_text = columns(tokens[:-held_out], args.batch_size), columns(tokens[-held_out:], 10)
    print(f"{len(tokens):,} words, {len(words):,} different ones")

    model = LanguageModel(len(words), args.width, args.layers, args.dropout)
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr)
    losses, best = [], math.inf
    for epoch in range(1, args.epochs + 1):
        state = None
        for inputs, targets in pieces(train_text, args.length):
            if state is not None:
                state = tuple(part.detach() for part in state)
            optimizer.zero_grad()
            logits, state = model(inputs, state)
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), args.clip)
            optimizer.step()
            losses.append(loss.item())
            if len(losses) % 50 == 0:
                print(
                    f"epoch {epoch}  step {len(losses)}  loss {losses[-1]:.4f}  perplexity {math.exp(losses[-1]):.1f}"
                )
            if len(losses) == args.steps:
                break
        found = perplexity(model, test_text, args.length)
        print(f"epoch {epoch}  perplexity of the held-out text {found:.1f}")
        if found < best:
            best = found
            torch.save({"model": model.state_dict(), "words": words}, args.save)
        else:
            optimizer.param_groups[0]["lr"] /= 4
        if len(losses) == args.steps:
            break
    print(write(model, words, args.write))
    return losses


if __name__ == "__main__":
    main()
