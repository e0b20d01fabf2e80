"""torch_geometric without its compiled companions: graphs in batches, GCN, GAT, SAGE and GIN layers, pooling, training steps."""

import torch
from outcome import report
from torch_geometric.data import Batch, Data
from torch_geometric.nn import GATConv, GCNConv, GINConv, SAGEConv, global_mean_pool
from torch_geometric.utils import add_self_loops, degree, to_dense_adj

torch.manual_seed(0)


def ring(size):
    source = torch.arange(size)
    target = (source + 1) % size
    edges = torch.stack([torch.cat([source, target]), torch.cat([target, source])])
    return Data(x=torch.randn(size, 8), edge_index=edges, y=torch.tensor([size % 2]))


class Network(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(
            [
                GCNConv(8, 16),
                GATConv(16, 8, heads=2),
                SAGEConv(16, 16),
                GINConv(torch.nn.Sequential(torch.nn.Linear(16, 16), torch.nn.ReLU(), torch.nn.Linear(16, 16))),
            ]
        )
        self.head = torch.nn.Linear(16, 2)

    def forward(self, graphs):
        x = graphs.x
        for layer in self.layers:
            x = layer(x, graphs.edge_index).relu()
        return self.head(global_mean_pool(x, graphs.batch))


graphs = Batch.from_data_list([ring(size) for size in (4, 5, 6, 7)])
model = Network()
first = model(graphs)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
losses = []
for _ in range(15):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(graphs), graphs.y)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
loops, _ = add_self_loops(graphs.edge_index)
report(
    first=first,
    losses=losses,
    degrees=degree(loops[0]),
    adjacency=to_dense_adj(graphs.edge_index, graphs.batch).sum((1, 2)),
    graphs=[graph.num_nodes for graph in graphs.to_data_list()],
)
