"""A recurrent network that learns to write, character by character (Karpathy 2015, "The unreasonable effectiveness of RNNs")."""

import argparse

import corpus
import torch
import torch.nn.functional as F
from torch import nn


class CharRNN(nn.Module):
    def __init__(self, characters, hidden, layers):
        super().__init__()
        self.embedding = nn.Embedding(characters, hidden)
        self.rnn = nn.GRU(hidden, hidden, layers, batch_first=True)
        self.head = nn.Linear(hidden, characters)

    def forward(self, tokens, state=None):
        output, state = self.rnn(self.embedding(tokens), state)
        return self.head(output), state


@torch.no_grad()
def write(model, characters, prompt, length, temperature):
    """The prompt, and what the model would write after it."""
    model.eval()
    logits, state = model(torch.tensor([[characters.index(c) for c in prompt]]))
    text = prompt
    for _ in range(length):
        probabilities = F.softmax(logits[0, -1] / temperature, dim=-1)
        token = torch.multinomial(probabilities, 1)
        text += characters[token.item()]
        logits, state = model(token[None], state)
    model.train()
    return text


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", help="file to learn from (default: Python's language reference)")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--length", type=int, default=100, help="characters of a sequence")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--prompt", default="The ")
    parser.add_argument("--write", type=int, default=400, help="characters to write at the end")
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="char_rnn.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    text = corpus.read(args.text)
    characters = sorted(set(text))
    number = {character: index for index, character in enumerate(characters)}
    tokens = torch.tensor([number[character] for character in text])
    print(f"{len(text):,} characters, {len(characters)} different ones")

    model = CharRNN(len(characters), args.hidden, args.layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    losses = []
    for step in range(1, args.steps + 1):
        starts = torch.randint(len(tokens) - args.length, (args.batch_size, 1))
        batch = tokens[starts + torch.arange(args.length + 1)]
        logits, _ = model(batch[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
        if step % 50 == 0:
            print(f"step {step}  loss {losses[-1]:.4f}")
    torch.save({"model": model.state_dict(), "characters": characters}, args.save)
    print(write(model, characters, args.prompt, args.write, args.temperature))
    return losses


if __name__ == "__main__":
    main()
