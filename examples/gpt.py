"""A small GPT (Radford et al. 2019): a Transformer's decoder that learns to write bytes, with top-k sampling."""

import argparse
import math

import corpus
import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def attend(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, dropout_p=self.dropout if self.training else 0.0)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, tokens, context, width, heads, layers, dropout):
        super().__init__()
        self.context = context
        self.token, self.position = nn.Embedding(tokens, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(Block(width, heads, dropout) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, tokens, bias=False)
        self.apply(self.initialize)
        self.head.weight = self.token.weight

    @staticmethod
    def initialize(module):
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)

    def forward(self, tokens):
        x = self.token(tokens) + self.position(torch.arange(tokens.shape[1]))
        return self.head(self.norm(self.blocks(x)))

    @torch.no_grad()
    def generate(self, tokens, count, temperature=0.8, top_k=20):
        """The tokens (1, length), and `count` more."""
        for _ in range(count):
            logits = self(tokens[:, -self.context :])[:, -1] / temperature
            least = logits.topk(top_k).values[:, -1:]
            probabilities = logits.masked_fill(logits < least, -math.inf).softmax(dim=-1)
            tokens = torch.cat([tokens, torch.multinomial(probabilities, 1)], dim=1)
        return tokens


def learning_rate(step, steps, warmup=100, least=0.1):
    """The factor of the largest rate: a linear rise, then half a cosine."""
    if step < warmup:
        return (step + 1) / warmup
    return least + (1 - least) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", help="file to learn from (default: Python's language reference)")
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--prompt", default="The ")
    parser.add_argument("--write", type=int, default=300, help="bytes to write at the end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="gpt.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    data = torch.frombuffer(bytearray(corpus.read(args.text).encode()), dtype=torch.uint8).long()
    held_out = len(data) // 20
    train, test = data[:-held_out], data[-held_out:]

    def batch(source):
        starts = torch.randint(len(source) - args.context, (args.batch_size, 1))
        tokens = source[starts + torch.arange(args.context + 1)]
        return tokens[:, :-1], tokens[:, 1:]

    model = GPT(256, args.context, args.width, args.heads, args.layers, args.dropout)
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.95))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: learning_rate(step, args.steps))
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters, {len(train):,} bytes to learn from")

    def test_loss(batches=8):
        model.eval()
        with torch.no_grad():
            found = [
                F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()
                for x, y in (batch(test) for _ in range(batches))
            ]
        model.train()
        return sum(found) / batches

    losses = []
    for step in range(1, args.steps + 1):
        x, y = batch(train)
        loss = F.cross_entropy(model(x).flatten(0, 1), y.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if step % 100 == 0 or step == args.steps:
            print(f"step {step}  loss {losses[-1]:.4f}  held-out {test_loss():.4f}")
    torch.save({"model": model.state_dict(), "arguments": vars(args)}, args.save)
    model.eval()
    prompt = torch.tensor([list(args.prompt.encode())])
    print(bytes(model.generate(prompt, args.write)[0].tolist()).decode(errors="replace"))
    return losses


if __name__ == "__main__":
    main()
