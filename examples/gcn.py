"""A graph convolutional network (Kipf and Welling 2016) finds the classes of a graph's nodes from a few that are known.

The graph is made in code, of communities whose members know each other as those of Zachary's karate club do; or it is read from the
two files of Cora, `cora.content` and `cora.cites`.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn


def made_graph(nodes, classes, words=200):
    """Features (nodes, words), labels (nodes,) and edges (2, edges): most edges stay within a class, and so do some words."""
    labels = torch.arange(nodes) % classes
    density = torch.rand(nodes) * torch.rand(nodes)  # a few know many
    inside, outside = 12 * classes / nodes, 3 / nodes
    chance = torch.where(labels[:, None] == labels, inside, outside) * 4 * density[:, None].sqrt() * density.sqrt()
    edges = (torch.rand(nodes, nodes) < chance).triu(1).nonzero().t()
    favourite = torch.rand(classes, words) < 0.08
    features = torch.rand(nodes, words) < torch.where(favourite[labels], 0.06, 0.02)
    return features.float(), labels, edges


def cora(folder):
    """The same from Cora's files: a line is a paper's name, its words and its subject; or a cited and a citing paper."""
    lines = [line.split() for line in (Path(folder) / "cora.content").read_text().splitlines()]
    number = {line[0]: index for index, line in enumerate(lines)}
    subjects = sorted({line[-1] for line in lines})
    features = torch.tensor([[float(word) for word in line[1:-1]] for line in lines])
    labels = torch.tensor([subjects.index(line[-1]) for line in lines])
    citations = [line.split() for line in (Path(folder) / "cora.cites").read_text().splitlines()]
    edges = [(number[a], number[b]) for a, b in citations if a in number and b in number]
    return features, labels, torch.tensor(edges).t()


class GraphConvolution(nn.Module):
    """The mean of what a node and its neighbours have, weighted by their degrees, after a linear map (equation 2)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x, graph):
        return torch.sparse.mm(graph, self.linear(x)) + self.bias


class GCN(nn.Module):
    def __init__(self, inputs, hidden, classes, dropout):
        super().__init__()
        self.first, self.second = GraphConvolution(inputs, hidden), GraphConvolution(hidden, classes)
        self.dropout = dropout

    def forward(self, x, graph):
        x = F.dropout(x, self.dropout, self.training)
        x = F.dropout(F.relu(self.first(x, graph)), self.dropout, self.training)
        return self.second(x, graph)


def normalized(edges, nodes):
    """The graph as a sparse matrix: both directions and a loop at each node, with the weights 1 / sqrt(degree * degree)."""
    loops = torch.arange(nodes)
    places = torch.cat([edges, edges.flip(0), torch.stack([loops, loops])], dim=1).unique(dim=1)
    root = torch.bincount(places[0], minlength=nodes).float().rsqrt()
    return torch.sparse_coo_tensor(places, root[places].prod(0), (nodes, nodes)).coalesce()


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cora", help="folder with cora.content and cora.cites (default: a graph made in code)")
    parser.add_argument("--nodes", type=int, default=2700, help="of the made graph")
    parser.add_argument("--classes", type=int, default=7, help="of the made graph")
    parser.add_argument("--known", type=int, default=20, help="nodes of each class whose label is known")
    parser.add_argument("--hidden", type=int, default=16)
    parser.add_argument("--dropout", type=float, default=0.5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="gcn.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    features, labels, edges = cora(args.cora) if args.cora else made_graph(args.nodes, args.classes)
    classes = int(labels.max()) + 1
    features = features / features.sum(1, keepdim=True).clamp(min=1)
    graph = normalized(edges, len(labels))
    order = torch.randperm(len(labels))
    known = torch.cat([order[labels[order] == kind][: args.known] for kind in range(classes)])
    unknown = order[~torch.isin(order, known)]
    print(f"{len(labels)} nodes, {edges.shape[1]} edges, {len(known)} labels known")

    model = GCN(features.shape[1], args.hidden, classes, args.dropout)
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr, weight_decay=5e-4)
    losses = []
    for step in range(1, args.steps + 1):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(features, graph)[known], labels[known])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 20 == 0 or step == args.steps:
            model.eval()
            with torch.no_grad():
                found = model(features, graph).argmax(1)
            model.train()
            right = (found[unknown] == labels[unknown]).float().mean().item()
            print(f"step {step}  loss {losses[-1]:.4f}  accuracy on unknown nodes {100 * right:.1f} %")
    torch.save(model.state_dict(), args.save)
    return losses


if __name__ == "__main__":
    main()
