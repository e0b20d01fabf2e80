"""Translation by recurrent networks with attention (Bahdanau et al. 2014): greedy and beam search, BLEU."""

import argparse

import torch
import torch.nn.functional as F
from sentences import BEGIN, END, PAD, Vocabulary, bleu, pairs
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader


class Encoder(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=PAD)
        self.rnn = nn.GRU(width, width, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * width, width)

    def forward(self, source, lengths):
        packed = pack_padded_sequence(self.embedding(source), lengths, batch_first=True, enforce_sorted=False)
        output, state = self.rnn(packed)
        memory, _ = pad_packed_sequence(output, batch_first=True)
        return memory, torch.tanh(self.bridge(torch.cat([state[0], state[1]], dim=1)))


class Attention(nn.Module):
    """A weight for each word of the source, from a small network that sees it and the decoder's state."""

    def __init__(self, width):
        super().__init__()
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(2 * width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, state, memory, keys, padding):
        scores = self.score(torch.tanh(self.query(state).unsqueeze(1) + keys)).squeeze(2)
        weights = scores.masked_fill(padding, float("-inf")).softmax(dim=1)
        return torch.bmm(weights.unsqueeze(1), memory).squeeze(1)


class Decoder(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=PAD)
        self.attention = Attention(width)
        self.cell = nn.GRUCell(3 * width, width)
        self.head = nn.Linear(4 * width, words)

    def forward(self, token, state, memory, keys, padding):
        """One step: from the last token (batch,) to logits (batch, words) and the new state."""
        embedded = self.embedding(token)
        context = self.attention(state, memory, keys, padding)
        state = self.cell(torch.cat([embedded, context], dim=1), state)
        return self.head(torch.cat([state, context, embedded], dim=1)), state


class Translator(nn.Module):
    def __init__(self, source_words, target_words, width):
        super().__init__()
        self.encoder, self.decoder = Encoder(source_words, width), Decoder(target_words, width)

    def encode(self, source, lengths):
        memory, state = self.encoder(source, lengths)
        return state, memory, self.decoder.attention.key(memory), source == PAD

    def forward(self, source, lengths, target):
        """Logits for the words of the target after the first, each given those before it."""
        state, *source_side = self.encode(source, lengths)
        steps = []
        for time in range(target.shape[1] - 1):
            logits, state = self.decoder(target[:, time], state, *source_side)
            steps.append(logits)
        return torch.stack(steps, dim=1)

    @torch.no_grad()
    def greedy(self, source, lengths, longest=30):
        """The likeliest next word, again and again, for all sentences of a batch."""
        state, *source_side = self.encode(source, lengths)
        token, found = torch.full((len(source),), BEGIN), []
        for _ in range(longest):
            logits, state = self.decoder(token, state, *source_side)
            token = logits.argmax(dim=1)
            found.append(token)
            if (torch.stack(found, 1) == END).any(1).all():
                break
        return torch.stack(found, dim=1).tolist()

    @torch.no_grad()
    def beam_search(self, sentence, width=5, longest=30):
        """The best of `width` translations of one sentence that are kept at each step, by mean log-probability of a word."""
        source, lengths = torch.tensor([sentence]), torch.tensor([len(sentence)])
        state, *source_side = self.encode(source, lengths)
        beams, finished = [([BEGIN], 0.0)], []
        for _ in range(longest):
            tokens = torch.tensor([words[-1] for words, _ in beams])
            logits, states = self.decoder(
                tokens, state, *(part.expand(len(beams), *part.shape[1:]) for part in source_side)
            )
            scores = torch.tensor([score for _, score in beams])[:, None] + logits.log_softmax(dim=1)
            best, places = scores.flatten().topk(width)
            rows, following, origins = places // logits.shape[1], places % logits.shape[1], []
            kept = []
            for score, row, token in zip(best.tolist(), rows.tolist(), following.tolist(), strict=True):
                words = [*beams[row][0], token]
                if token == END:
                    finished.append((score / len(words), words))
                else:
                    kept.append((words, score))
                    origins.append(row)
            if len(finished) >= width or not kept:
                break
            beams, state = kept, states[torch.tensor(origins)]
        finished += [(score / len(words), words) for words, score in beams]
        return max(finished)[1]


def collate(batch):
    sources, targets = ([torch.tensor(sentence) for sentence in side] for side in zip(*batch, strict=True))
    lengths = torch.tensor([len(source) for source in sources])
    return pad_sequence(sources, True, PAD), lengths, pad_sequence(targets, True, PAD)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sentences", type=int, default=6000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--steps", type=int, help="stop after so many steps")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--test", type=int, default=200, help="sentences to translate at the end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="seq2seq_attention.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    corpus = pairs(args.sentences + args.test, args.seed)
    english, german = (Vocabulary(side) for side in zip(*corpus, strict=True))
    train, test = corpus[: args.sentences], corpus[args.sentences :]
    data = [(english.encode(source), german.encode(target)) for source, target in train]
    loader = DataLoader(data, args.batch_size, shuffle=True, drop_last=True, collate_fn=collate)
    model = Translator(len(english), len(german), args.width)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    losses = []
    for epoch in range(1, args.epochs + 1):
        for source, lengths, target in loader:
            logits = model(source, lengths, target)
            loss = F.cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == args.steps:
                break
        print(f"epoch {epoch}  loss {losses[-1]:.4f}")
        if len(losses) == args.steps:
            break
    torch.save(model.state_dict(), args.save)

    model.eval()
    references = [target for _, target in test]
    source, lengths, _ = collate([(english.encode(s), german.encode(t)) for s, t in test])
    greedy = [german.decode(found) for found in model.greedy(source, lengths)]
    beam = [german.decode(model.beam_search(english.encode(s), args.beam)) for s, _ in test]
    for (sentence, reference), found in zip(test[:3], beam, strict=False):
        print(f"{' '.join(sentence)}\n  is     {' '.join(reference)}\n  found  {' '.join(found)}")
    print(
        f"BLEU of {len(test)} sentences: greedy {bleu(greedy, references):.1f}, beam search {bleu(beam, references):.1f}"
    )
    return losses


if __name__ == "__main__":
    main()
