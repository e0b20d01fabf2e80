"""torch-geometric: GCN, GAT, GraphSAGE, GIN, graph transformer and relational layers on made graphs, batches of graphs, pooling, heterogeneous graphs, autoencoder, transforms, explanations."""

import copy

import torch
import torch_geometric as geometric
from outcome import report
from torch_geometric import nn, transforms, utils
from torch_geometric.data import Data, HeteroData
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.loader import DataLoader

results = {}


def graph(nodes, edges, features, generator):
    pairs = torch.randint(nodes, (2, edges), generator=generator)
    data = Data(
        x=torch.randn(nodes, features, generator=generator),
        edge_index=utils.to_undirected(pairs, num_nodes=nodes),
        pos=torch.rand(nodes, 3, generator=generator),
    )
    data.y = (data.x[:, 0] > 0).long() + (data.x[:, 1] > 0).long()
    return data


def fit(model, run, target, steps=8, loss=torch.nn.functional.cross_entropy):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(run(model), target)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    return losses


generator = torch.Generator().manual_seed(0)
data = graph(60, 150, 8, generator)
NETWORKS = {
    "gcn": lambda: nn.GCN(8, 16, 2, 3, dropout=0.2),
    "gat": lambda: nn.GAT(8, 16, 2, 3, heads=2, v2=True),
    "old_gat": lambda: nn.GAT(8, 16, 2, 3, heads=4),
    "sage": lambda: nn.GraphSAGE(8, 16, 2, 3, norm="layer_norm", jk="cat"),
    "longest": lambda: nn.GraphSAGE(8, 16, 2, 3, aggr="max"),
    "lstm": lambda: nn.GraphSAGE(8, 16, 2, 3, aggr="lstm"),
    "gin": lambda: nn.GIN(8, 16, 2, 3, norm="batch_norm"),
    "pna": lambda: nn.PNA(
        8,
        16,
        2,
        3,
        aggregators=["mean", "min", "std"],
        scalers=["identity", "amplification"],
        deg=utils.degree(data.edge_index[1]).long(),
    ),
    "linkx": lambda: nn.LINKX(60, 8, 16, 3, 2),
}
for name, make in NETWORKS.items():
    torch.manual_seed(1)
    place = utils.sort_edge_index(data.edge_index, sort_by_row=False) if name == "lstm" else data.edge_index
    results[name] = fit(make(), lambda model, place=place: model(data.x, place), data.y)  # noqa: B023

LAYERS = {
    "transformer": lambda: nn.TransformerConv(8, 6, heads=2),
    "chebyshev": lambda: nn.ChebConv(8, 6, K=3),
    "tag": lambda: nn.TAGConv(8, 6),
    "arma": lambda: nn.ARMAConv(8, 6, num_stacks=2, num_layers=2),
    "sg": lambda: nn.SGConv(8, 6, K=2),
    "appnp": lambda: nn.APPNP(3, 0.1),
    "edge": lambda: nn.EdgeConv(torch.nn.Linear(16, 6)),
    "gated": lambda: nn.GatedGraphConv(12, 2),
    "graph": lambda: nn.GraphConv(8, 6, aggr="mean"),
    "projected": lambda: nn.SAGEConv(8, 6, project=True),
    "feast": lambda: nn.FeaStConv(8, 6, heads=2),
    "super": lambda: nn.SuperGATConv(8, 6, heads=2),
}
for name, make in LAYERS.items():
    torch.manual_seed(2)
    layer = make()
    x = data.x.clone().requires_grad_()
    out = layer(x, data.edge_index)
    out.square().sum().backward()
    results[f"layer_{name}"] = [out.mean(1), x.grad.mean(1), *[p.grad.norm() for p in layer.parameters()]]
torch.manual_seed(2)
relations = torch.randint(3, (data.num_edges,))
layer = nn.RGCNConv(8, 6, num_relations=3, num_bases=2)
results["relations"] = layer(data.x, data.edge_index, relations)


class OfGraphs(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.convolve, self.pool = nn.GCNConv(8, 16), nn.TopKPooling(16, ratio=0.6)
        self.again, self.out = nn.GraphConv(16, 16), nn.Linear(-1, 2)

    def forward(self, batch):
        x = self.convolve(batch.x, batch.edge_index).relu()
        x, edges, _, of, _, _ = self.pool(x, batch.edge_index, batch=batch.batch)
        x = self.again(x, edges).relu()
        return self.out(
            torch.cat([nn.global_mean_pool(x, of), nn.global_max_pool(x, of), nn.global_add_pool(x, of)], 1)
        )


graphs = [graph(10 + index % 7, 20, 8, generator) for index in range(24)]
for index, each in enumerate(graphs):
    each.y = torch.tensor([index % 2])
torch.manual_seed(3)
model, losses = OfGraphs(), []
loader = DataLoader(graphs, batch_size=8, shuffle=True)
model(next(iter(loader)))
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for _ in range(3):
    for batch in loader:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(batch), batch.y)
        loss.backward()
        optimizer.step()
        losses.append([loss.item(), batch.num_graphs, batch.num_nodes])
results["graphs"] = losses
batch = next(iter(DataLoader(graphs, batch_size=5)))
results["apart"] = [each.x.sum() for each in batch.to_data_list()]
dense, mask = utils.to_dense_batch(batch.x, batch.batch)
results["dense"] = [dense.sum(2), mask.float(), utils.to_dense_adj(batch.edge_index, batch.batch).sum((1, 2))]
torch.manual_seed(4)
for name, pool in {
    "attention": nn.SAGPooling(8, 0.5),
    "sort": nn.aggr.SortAggregation(k=4),
    "set": nn.aggr.Set2Set(8, 2),
}.items():
    pooled = (
        pool(batch.x, batch.edge_index, batch=batch.batch)[0] if name == "attention" else pool(batch.x, batch.batch)
    )
    results[f"pool_{name}"] = pooled
assignment, adjacency = torch.randn(5, dense.shape[1], 4), utils.to_dense_adj(batch.edge_index, batch.batch)
results["diffpool"] = list(nn.dense_diff_pool(dense, adjacency, assignment, mask))

hetero = HeteroData()
hetero["author"].x, hetero["paper"].x = torch.randn(12, 5), torch.randn(20, 7)
hetero["author", "writes", "paper"].edge_index = torch.stack([torch.randint(12, (40,)), torch.randint(20, (40,))])
hetero = transforms.ToUndirected()(hetero)
torch.manual_seed(5)
convolution = nn.HeteroConv({kind: nn.SAGEConv((-1, -1), 6) for kind in hetero.edge_types}, aggr="sum")
results["hetero"] = {name: value for name, value in convolution(hetero.x_dict, hetero.edge_index_dict).items()}
attention = nn.HGTConv(-1, 8, hetero.metadata(), heads=2)
results["hgt"] = attention(hetero.x_dict, hetero.edge_index_dict)

geometric.seed_everything(6)
auto = nn.GAE(nn.GCN(8, 16, 2, 4))
train, _, held = transforms.RandomLinkSplit(is_undirected=True, split_labels=True)(copy.copy(data))
losses = []
optimizer = torch.optim.Adam(auto.parameters(), 0.01)
for _ in range(5):
    optimizer.zero_grad()
    z = auto.encode(train.x, train.edge_index)
    loss = auto.recon_loss(z, train.pos_edge_label_index)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
results["autoencoder"] = [*losses, *auto.test(z, held.pos_edge_label_index, held.neg_edge_label_index)]

torch.manual_seed(7)
changes = transforms.Compose(
    [
        transforms.NormalizeFeatures(),
        transforms.AddSelfLoops(),
        transforms.GCNNorm(),
        transforms.RandomJitter(0.01),
        transforms.LocalDegreeProfile(),
        transforms.Cartesian(cat=False),
    ]
)
changed = changes(copy.copy(data))
results["changed"] = [changed.x, changed.edge_weight, changed.edge_attr]
results["laplacian"] = list(utils.get_laplacian(data.edge_index, normalization="sym"))
results["positions"] = transforms.AddRandomWalkPE(4)(copy.copy(data)).random_walk_pe
results["utilities"] = [
    utils.degree(data.edge_index[0]),
    utils.homophily(data.edge_index, data.y),
    utils.k_hop_subgraph(3, 2, data.edge_index)[0],
    utils.subgraph(list(range(30)), data.edge_index)[0].float(),
    utils.softmax(torch.randn(data.num_edges), data.edge_index[0]),
    utils.scatter(data.x, data.y, reduce="mean"),
    utils.negative_sampling(data.edge_index, num_neg_samples=20).shape,
    utils.coalesce(data.edge_index, torch.ones(data.num_edges))[1],
    utils.dropout_edge(data.edge_index, 0.3)[0].shape,
    utils.contains_isolated_nodes(data.edge_index, 60),
]
adjacency = utils.to_torch_csr_tensor(data.edge_index, size=(60, 60))
torch.manual_seed(8)
layer = nn.GCNConv(8, 4, normalize=False)
results["sparse"] = [layer(data.x, adjacency), layer(data.x, data.edge_index)]
torch.manual_seed(9)
network = nn.GCN(8, 16, 2, 3)
explainer = Explainer(
    network,
    GNNExplainer(epochs=10),
    explanation_type="model",
    node_mask_type="attributes",
    edge_mask_type="object",
    model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
)
explanation = explainer(data.x, data.edge_index, index=10)
results["explained"] = [explanation.node_mask.sum(1), explanation.edge_mask]
results["summary"] = [len(geometric.nn.summary(network, data.x, data.edge_index))]
report(**results)
