"""Translation by a Transformer (Vaswani et al. 2017): masks, label smoothing, warm-up, greedy decoding, BLEU."""

import argparse
import math

import torch
from sentences import BEGIN, END, PAD, Vocabulary, bleu, pairs
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader


class PositionalEncoding(nn.Module):
    """Adds sines and cosines of the position (section 3.5)."""

    def __init__(self, width, dropout, longest=200):
        super().__init__()
        position = torch.arange(longest).unsqueeze(1)
        frequency = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        encoding = torch.zeros(longest, width)
        encoding[:, 0::2] = torch.sin(position * frequency)
        encoding[:, 1::2] = torch.cos(position * frequency)
        self.register_buffer("encoding", encoding)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(x + self.encoding[: x.shape[1]])


class Translator(nn.Module):
    def __init__(self, source_words, target_words, width, heads, layers, dropout):
        super().__init__()
        self.width = width
        self.source_embedding = nn.Embedding(source_words, width, padding_idx=PAD)
        self.target_embedding = nn.Embedding(target_words, width, padding_idx=PAD)
        self.position = PositionalEncoding(width, dropout)
        self.transformer = nn.Transformer(width, heads, layers, layers, 4 * width, dropout, batch_first=True)
        self.head = nn.Linear(width, target_words)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def encode(self, source):
        embedded = self.position(self.source_embedding(source) * math.sqrt(self.width))
        return self.transformer.encoder(embedded, src_key_padding_mask=source == PAD)

    def decode(self, memory, source, target):
        length = target.shape[1]
        future = torch.triu(torch.ones(length, length, dtype=torch.bool), diagonal=1)
        output = self.transformer.decoder(
            self.position(self.target_embedding(target) * math.sqrt(self.width)),
            memory,
            tgt_mask=future,
            tgt_key_padding_mask=target == PAD,
            memory_key_padding_mask=source == PAD,
        )
        return self.head(output)

    def forward(self, source, target):
        return self.decode(self.encode(source), source, target)

    @torch.no_grad()
    def greedy(self, source, longest=30):
        memory = self.encode(source)
        found = torch.full((len(source), 1), BEGIN)
        for _ in range(longest):
            token = self.decode(memory, source, found)[:, -1].argmax(dim=1, keepdim=True)
            found = torch.cat([found, token], dim=1)
            if (found == END).any(1).all():
                break
        return found.tolist()


def collate(batch):
    return tuple(
        pad_sequence([torch.tensor(sentence) for sentence in side], True, PAD) for side in zip(*batch, strict=True)
    )


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=6000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--warmup", type=int, default=200, help="steps in which the learning rate rises")
    parser.add_argument("--test", type=int, default=200, help="sentences to translate at the end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="transformer_translation.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    corpus = pairs(args.sentences + args.test, args.seed)
    english, german = (Vocabulary(side) for side in zip(*corpus, strict=True))
    data = [(english.encode(source), german.encode(target)) for source, target in corpus]
    loader = DataLoader(data[: args.sentences], args.batch_size, shuffle=True, drop_last=True, collate_fn=collate)
    model = Translator(len(english), len(german), args.width, args.heads, args.layers, args.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=1.0, betas=(0.9, 0.98), eps=1e-9)
    scheduler = torch.optim.lr_scheduler.LambdaLR(  # section 5.3
        optimizer, lambda step: args.width**-0.5 * min((step + 1) ** -0.5, (step + 1) * args.warmup**-1.5)
    )
    criterion = nn.CrossEntropyLoss(ignore_index=PAD, label_smoothing=0.1)
    losses = []
    for epoch in range(1, args.epochs + 1):
        for source, target in loader:
            logits = model(source, target[:, :-1])
            loss = criterion(logits.flatten(0, 1), target[:, 1:].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            losses.append(loss.item())
            if len(losses) == args.steps:
                break
        print(f"epoch {epoch}  loss {losses[-1]:.4f}  lr {scheduler.get_last_lr()[0]:.5f}")
        if len(losses) == args.steps:
            break
    torch.save(model.state_dict(), args.save)

    model.eval()
    source, _ = collate(data[args.sentences :])
    references = [target for _, target in corpus[args.sentences :]]
    found = [german.decode(numbers) for numbers in model.greedy(source)]
    for (sentence, reference), translation in zip(corpus[args.sentences :][:3], found, strict=False):
        print(f"{' '.join(sentence)}\n  is     {' '.join(reference)}\n  found  {' '.join(translation)}")
    print(f"BLEU of {len(found)} sentences: {bleu(found, references):.1f}")
    return losses


if __name__ == "__main__":
    main()
