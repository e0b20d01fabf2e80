"""Mistakes, the exception they raise, and what its text must name.

A row is the program, PyTorch's exception class, and patterns of which each must be found in the text (in either case):
the op, the shapes or dtypes, the argument, and where there is an obvious one the mend.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """`program` ends with the line that raises; it sees `torch`, `nn` and `F`, and of torchvision `T`, `models`, `ops`, `datasets`, `utils`."""

    program: str
    error: str
    patterns: tuple[str, ...]


def _rows(error: str, *rows: tuple[str, ...]) -> list[Mistake]:
    return [Mistake(program, error, tuple(patterns)) for program, *patterns in rows]


NET = """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 6, 5), nn.ReLU(), nn.Conv2d(6, 16, 5))
        self.fc = nn.Linear(120, 84)
    def forward(self, x):
        return self.fc(self.features(x).flatten(1))
net = Net()
"""

SHAPES = _rows(
    "RuntimeError",
    ("torch.ones(2, 3) + torch.ones(4)", r"add: shapes \(2, 3\) and \(4,\)", "size of tensor a", "broadcast"),
    ("torch.ones(2, 3) * torch.ones(3, 2)", r"mul: shapes \(2, 3\) and \(3, 2\)", "size of tensor a"),
    ("torch.where(torch.ones(2) > 0, torch.ones(3), torch.ones(2))", "2", "3"),
    ("torch.ones(2, 3) @ torch.ones(2, 3)", r"2x3|\(2, 3\)", "matmul", "transpose|mT"),
    ("torch.mm(torch.ones(2, 3), torch.ones(4, 5))", "mm|mat1", r"2x3|\(2, 3\)", r"4x5|\(4, 5\)"),
    ("torch.mm(torch.ones(3), torch.ones(3, 3))", "mm|matrix|2D"),
    ("torch.bmm(torch.ones(2, 3, 4), torch.ones(3, 4, 5))", "bmm|batch", "2", "3"),
    ("torch.dot(torch.ones(3), torch.ones(4))", "dot|size", "3", "4"),
    ("torch.addmm(torch.ones(2, 2), torch.ones(2, 3), torch.ones(2, 3))", r"2x3|\(2, 3\)"),
    ("torch.einsum('ij,jk->ik', torch.ones(2, 3), torch.ones(2, 3))", "einsum", "j", "3", "2"),
    ("torch.einsum('ij->ijk', torch.ones(2, 3))", "einsum", "k"),
    ("torch.ones(2, 3).reshape(4, 2)", "reshape|shape", r"[\[(]4, 2[\])]", "6"),
    ("torch.ones(2, 3).view(5)", "view|shape", "5", "6"),
    ("torch.ones(2, 3).t().view(6)", "view", "reshape|contiguous"),
    ("torch.ones(2, 3).reshape(-1, -1)", "one|-1"),
    ("torch.ones(2, 3).reshape(-1, 4)", "4", "6"),
    ("torch.ones(2, 3).expand(4, 3)", "expand", "4", "2", r"\[2, 3\]"),
    ("torch.ones(2, 3).permute(0, 0)", "permute|repeated|dim"),
    ("torch.ones(2, 3).permute(0)", "permute", "2", "1"),
    ("torch.ones(2, 3).unflatten(1, (2, 2))", "unflatten", "3"),
    ("torch.ones(2, 3).repeat(2)", "repeat: 1 repeats", r"\(2, 3\)"),
    ("torch.ones(2, 3).split([1, 1], 1)", "split", "3"),
    ("torch.ones(2, 3).chunk(0)", "chunk", "0"),
    ("torch.cat([torch.ones(2, 3), torch.ones(2, 4)], 0)", r"cat: shapes \(2, 3\) and \(2, 4\)"),
    ("torch.cat([torch.ones(2, 3), torch.ones(3)], 0)", "cat|concat|dimension", "2", "1"),
    ("torch.stack([torch.ones(2), torch.ones(3)])", "stack", "2", "3"),
    ("torch.stack([])", "stack|non-empty|empty"),
    ("torch.ones(2, 3).gather(0, torch.zeros(3, dtype=torch.int64))", "gather|index", "dim"),
    ("torch.ones(2, 3).gather(1, torch.tensor([[3], [0]]))", "3|bounds"),
    ("torch.ones(3).masked_fill(torch.ones(2) > 0, 1)", "masked_fill", r"\(3,\)", r"\(2,\)"),
    ("torch.ones(2, 3).diagonal(0, 0, 0)", "diagonal|dim"),
    ("torch.ones(2, 3).unfold(1, 4, 1)", "unfold|size", "4", "3"),
    ("torch.ones(2, 3).narrow(1, 2, 2)", "narrow", "start", "length", "3"),
    ("torch.broadcast_to(torch.ones(3), (2, 2))", "3", "2"),
    ("torch.linalg.inv(torch.ones(2, 3))", "inv", "square"),
    ("torch.linalg.inv(torch.zeros(2, 2))", "inv", "singular"),
    ("torch.linalg.cholesky(-torch.eye(2))", "cholesky", "positive"),
    ("torch.linalg.solve(torch.eye(2), torch.ones(3))", "2|3"),
    ("torch.ones(2, 3)[torch.ones(2, 3) > 0] = torch.ones(5)", "5", "6"),
    ("torch.ones(2, 3)[0] = torch.ones(4)", "4", "3"),
    ("torch.ones(2).copy_(torch.ones(3))", "2", "3"),
    ("torch.zeros(2).add_(torch.ones(3))", "2", "3"),
    ("torch.zeros(1).add_(torch.ones(3))", "1", "3"),
    ("torch.ones(3).expand(2, 3).add_(1)", "clone|single memory location|expand"),
    ("torch.zeros(-1)", "-1|negative"),
    ("torch.ones(2, 3).resize_(-1)", "-1|negative"),
    ("torch.arange(0, 5, -1)", "step|bound|larger"),
    ("torch.arange(0, 5, 0)", "step|zero"),
    ("torch.linspace(0, 1, -1)", "steps|non-negative"),
    ("torch.multinomial(torch.ones(3), 4)", "multinomial|sample", "replacement"),
    ("torch.ones(0).max()", "max", "empty|numel|dim"),
    ("torch.ones(3).topk(4)", "topk: k is 4", "3", "range"),
    ("torch.ones(2, 2).item()", "item|scalar|Tensor with", "4"),
    ("bool(torch.ones(2))", "[Bb]oolean|bool", "ambiguous"),
)

NN = _rows(
    "RuntimeError",
    (
        "F.linear(torch.ones(32, 120), torch.ones(84, 400))",
        r"linear: input \(32, 120\)",
        r"weight \(84, 400\)",
        "expected 400",
    ),
    ("F.linear(torch.ones(2, 3), torch.ones(4, 3), torch.ones(5))", "bias|linear|size", "5|4"),
    ("F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(6, 4, 3, 3))", "conv2d|weight", "3", "4", "channels"),
    ("F.conv2d(torch.ones(1, 3, 2, 2), torch.ones(6, 3, 5, 5))", "[Kk]ernel", "5", "2", "conv2d|input size|input"),
    ("F.conv2d(torch.ones(3), torch.ones(6, 3, 5, 5))", "conv2d", "3D|4D|dimension"),
    ("F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(6, 3, 3, 3), stride=0)", "stride", "0|positive"),
    ("F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(6, 3, 3, 3), padding=-1)", "padding", "negative|-1"),
    ("F.conv2d(torch.ones(1, 4, 8, 8), torch.ones(6, 2, 3, 3), groups=3)", "group|channels", "4|3"),
    ("F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(6, 3, 3, 3), torch.ones(5))", "bias", "5", "6"),
    (
        "F.conv2d(torch.ones(1, 3, 8, 8), torch.ones(6, 3, 3, 3).double())",
        "dtype|type",
        "float|Float",
        "double|float64",
    ),
    ("F.max_pool2d(torch.ones(1, 3, 2, 2), 3)", "size|small|pool", "3|0"),
    ("F.max_pool2d(torch.ones(1, 3, 8, 8), 2, padding=2)", "pad", "half|2"),
    ("F.avg_pool2d(torch.ones(1, 2, 3, 8, 8), 2)", "avg_pool2d|expected", "3D|dimension|5"),
    ("F.layer_norm(torch.ones(2, 3), (4,))", "normalized_shape|layer_norm", "4", "3"),
    ("F.group_norm(torch.ones(2, 3, 4), 2)", "group|channels", "3", "2"),
    ("F.batch_norm(torch.ones(2, 3), torch.zeros(4), torch.ones(4))", "running_mean", "3", "4"),
    ("F.embedding(torch.ones(2), torch.ones(3, 4))", "indices|embedding", "Long|Int|int64"),
    ("F.nll_loss(torch.ones(2, 3), torch.zeros(2))", "[Ll]ong|int64"),
    ("F.binary_cross_entropy(torch.ones(2) * 2, torch.ones(2)).item()", "between 0 and 1|0|1"),
    ("F.pad(torch.ones(2, 3), (1,))", "pad", "even|divisible|2"),
    ("F.pad(torch.ones(1, 2, 3), (3, 3), mode='reflect')", "[Pp]ad", "3"),
    ("F.kl_div(torch.ones(2), torch.ones(3))", "2", "3"),
    ("nn.LSTM(3, 4)(torch.ones(2, 1, 5))", "3", "5", "input"),
    ("nn.GRU(3, 4)(torch.ones(2, 1, 3), torch.ones(1, 2, 4))", "hidden|hx", "1", "2"),
    ("F.scaled_dot_product_attention(torch.ones(2, 3, 4), torch.ones(2, 5, 6), torch.ones(2, 5, 6))", "4", "6"),
    (NET + "net(torch.ones(2, 3, 32, 32))", r"2x9216|2, 9216", "120", r"fc", r"Linear"),
    (NET + "net(torch.ones(2, 4, 32, 32))", "channels", "3", "4", r"features\.0", "Conv2d"),
)
NN += _rows(
    "ValueError",
    ("F.batch_norm(torch.ones(1, 3), torch.zeros(3), torch.ones(3), training=True)", "one|1", "training"),
    ("nn.BatchNorm2d(3)(torch.ones(2, 3))", "4D", "2D"),
    ("F.cross_entropy(torch.ones(2, 3), torch.zeros(4, dtype=torch.int64))", "batch|size", "2", "4"),
    ("F.dropout(torch.ones(2), p=2.0)", "dropout|probability", "2"),
    ("F.mse_loss(torch.ones(2), torch.ones(2), reduction='average')", "average"),
    ("nn.Conv2d(3, 4, 3, groups=2)", "in_channels|groups", "divisible"),
    ("nn.Conv2d(3, 4, 3, padding_mode='wrap')", "padding_mode", "wrap|zeros"),
    ("F.interpolate(torch.ones(1, 1, 4), mode='linear')", "size|scale_factor"),
)
NN += _rows(
    "AssertionError",
    ("nn.MultiheadAttention(5, 2)", "embed_dim", "num_heads"),
)
NN += _rows(
    "IndexError",
    ("F.embedding(torch.tensor([3]), torch.ones(3, 4))", "index|embedding", "range"),
    ("F.cross_entropy(torch.ones(2, 3), torch.tensor([0, 3]))", "[Tt]arget", "3", "out of bounds"),
)
NN += _rows(
    "KeyError",
    ("nn.ModuleDict({'a': nn.ReLU()})['b']", "b"),
)
NN += _rows(
    "AttributeError",
    ("nn.Linear(2, 3).weights", "Linear", "weights"),
    ("torch.ones(2).not_a_method()", "not_a_method"),
)
NN += _rows(
    "RuntimeError",
    (
        "nn.Linear(2, 3).load_state_dict({'weight': torch.ones(3, 2)})",
        "Error\\(s\\) in loading state_dict for Linear",
        "Missing key",
        "bias",
    ),
    (
        "nn.Linear(2, 3).load_state_dict({'weight': torch.ones(3, 4), 'bias': torch.ones(3)})",
        "size mismatch for weight",
        r"torch\.Size\(\[3, 4\]\)",
    ),
)

DTYPES = _rows(
    "RuntimeError",
    ("torch.ones(2, dtype=torch.int64).requires_grad_()", "floating|complex"),
    ("torch.tensor([1], requires_grad=True)", "floating|complex"),
    ("torch.ones(2, 2) @ torch.ones(2, 2, dtype=torch.float64)", "dtype|type", "[Ff]loat", "[Dd]ouble|float64"),
    ("torch.mm(torch.ones(2, 2), torch.ones(2, 2, dtype=torch.int64))", "dtype|type", "[Ll]ong|int64"),
    ("torch.ones(2, dtype=torch.int64).mean()", "mean", "[Ll]ong|int64", "float|floating"),
    ("torch.ones(2, dtype=torch.int64).add_(0.5)", "[Ff]loat", "[Ll]ong|int64"),
    ("torch.ones(2) & torch.ones(2)", "and", "[Ff]loat"),
    ("-torch.ones(2, dtype=torch.bool)", "bool", "logical_not|~"),
    ("torch.ones(2, dtype=torch.bool) - torch.ones(2, dtype=torch.bool)", "bool", r"\^|logical_xor"),
    ("torch.ones(3, dtype=torch.int64).softmax(0)", "softmax", "[Ll]ong|int64"),
    ("(torch.tensor([1, 2]) // torch.tensor([0, 1])).tolist()", "[Zz]ero"),
    ("torch.ones(2, dtype=torch.int64) ** -1", "negative|[Ii]nteger"),
    ("torch.ones(2).index_select(0, torch.tensor([0.0]))", "index", "int|Long|dtype"),
    ("torch.where(torch.ones(2), torch.ones(2), torch.ones(2))", "condition|bool", "[Ff]loat"),
    ("torch.ones(2).scatter(0, torch.tensor([0.0]), 1.0)", "index|scatter", "int64|Long"),
    ("torch.add(torch.ones(2), torch.ones(2), out=torch.ones(2, dtype=torch.int64))", "[Ff]loat", "[Ll]ong|int64"),
    ("torch.tensor([1.0, 2.0]).view(torch.complex128).view(3)", "view|shape|size"),
    ("torch.ones(2, dtype=torch.complex64) < 1", "complex|Complex"),
    ("torch.complex(torch.ones(2), torch.ones(2).double())", "[Ff]loat", "[Dd]ouble|float64"),
)
DTYPES += _rows(
    "TypeError",
    ("torch.finfo(torch.int64)", "finfo|floating", "iinfo"),
    ("torch.iinfo(torch.float32)", "iinfo|integer", "finfo"),
    ("torch.ones('2')", "ones", "str"),
    ("torch.ones(2) + '1'", "add|\\+|operand", "str"),
    ("torch.ones(2).reshape('a')", "reshape", "str"),
    ("torch.cat(torch.ones(2))", "cat", "tensors", "Tensor"),
    ("torch.relu()", "relu", "input|argument"),
    ("torch.ones(2).sum(axes=0)", "sum", "axes"),
    ("torch.zeros(2, dtype='float32')", "zeros|dtype", "str|dtype"),
    ("torch.ones(2).fill_('a')", "number|value", "str"),
    ("len(torch.tensor(1))", "0-d", "len"),
    ("list(torch.tensor(1))", "0-d", "iter"),
    ("torch.Size(['a'])", "Size|tuple|str"),
    ("nn.Linear(2, 3)()", "input|argument|forward"),
    ("nn.Sequential(1)", "int", "Module"),
    ("torch.randn(2, generator=3)", "generator|randn"),
    ("~torch.ones(2)", "not|invert", "integer"),
    ("torch.ones(2, 3)['a']", "str"),
)
DTYPES += _rows(
    "ValueError",
    ("torch.tensor([[1, 2], [3]])", "sequence|length", "2|1"),
    ("torch.ones(3)[::-1]", "step", "greater than zero|flip|positive"),
    ("torch.utils.data.DataLoader([1], batch_size=0)", "batch_size", "0|positive"),
    ("float(torch.ones(2))", "one element", "scalar"),
)

INDICES = _rows(
    "IndexError",
    ("torch.ones(2, 3)[2]", "index 2", "dimension 0|dim 0", "size 2"),
    ("torch.ones(2, 3)[0, -4]", "-4", "dimension 1|dim 1", "size 3"),
    ("torch.ones(2, 3)[0, 0, 0]", "too many indices", "2"),
    ("torch.tensor(1.0)[0]", "0-dim|0-d|scalar", "item"),
    ("torch.ones(2, 3)[torch.tensor([0, 2])]", "2", "bounds|range", "size 2|2"),
    ("torch.ones(2, 3)[torch.tensor([True, False, True])]", "mask", "3", "2"),
    ("torch.ones(2, 3)[torch.tensor([0, 1]), torch.tensor([0, 1, 2])]", "shape mismatch|broadcast", "2", "3"),
    ("torch.ones(2, 3)[torch.tensor([0.5])]", "long|int|bool"),
    ("torch.ones(2, 3)[0.5]", "integers|indices|slices", "valid|index"),
    ("torch.ones(2, 3).sum(2)", "[Dd]imension out of range", r"\[-2, 1\]", "2"),
    ("torch.ones(2, 3).softmax(-3)", "[Dd]imension out of range", "-3"),
    ("torch.ones(2, 3).transpose(0, 2)", "[Dd]imension out of range", "2"),
    ("torch.ones(2, 3).unsqueeze(4)", "[Dd]imension out of range", r"\[-3, 2\]", "4"),
    ("torch.ones(2, 3).select(0, 2)", "select|index 2", "2"),
    ("torch.ones(2, 3).size(2)", "[Dd]imension out of range", "2"),
    ("torch.cat([torch.ones(2), torch.ones(3)], 1)", "[Dd]imension out of range", "1"),
    ("torch.stack([torch.ones(2)], 2)", "[Dd]imension out of range", "2"),
    ("torch.ones(2, 3).index_select(0, torch.tensor([2]))", "index", "range|bounds"),
    ("torch.ones(2).max(1)", "[Dd]imension out of range", "1"),
    ("torch.ones(0, 3).max(0)", "max", "0|dim|size"),
    ("torch.flatten(torch.ones(2, 3), 2)", "[Dd]imension out of range", "2"),
    ("torch.take(torch.ones(3), torch.tensor([3]))", "3|range"),
    ("nn.ModuleList([nn.ReLU()])[1]", "1", "range"),
    ("nn.Sequential(nn.ReLU())[1]", "1", "range"),
)

AUTOGRAD = _rows(
    "RuntimeError",
    ("torch.ones(2, requires_grad=True).mul(2).backward()", "grad can be implicitly created only for scalar outputs"),
    ("torch.ones(()).backward()", "does not require grad and does not have a grad_fn"),
    (
        "x = torch.ones(2, requires_grad=True); y = (x * x).sum(); y.backward(); y.backward()",
        "backward through the graph a second time",
        "retain_graph",
    ),
    ("x = torch.ones(2, requires_grad=True); x.add_(1)", "leaf", "in-place|no_grad"),
    ("x = torch.ones(2, requires_grad=True); x[0] = 1", "leaf", "in-place|no_grad"),
    ("torch.ones(2, requires_grad=True).numpy()", "numpy", "detach"),
    ("x = torch.ones(2, requires_grad=True); y = x * 2; y.requires_grad = False", "leaf", "detach"),
    ("x = torch.ones(2, requires_grad=True); y = x * 2; y.backward(torch.ones(3))", "shape", r"\[3\]", r"\[2\]"),
    (
        "x, z = torch.ones((), requires_grad=True), torch.ones((), requires_grad=True); torch.autograd.grad(x * 2, z)",
        "allow_unused",
    ),
    ("import copy; x = torch.ones(2, requires_grad=True) * 2; copy.deepcopy(x)", "deepcopy", "leaf|leaves|explicitly"),
    ("x = torch.ones(2, requires_grad=True); x.grad = torch.ones(3)", "shape|size", "3"),
    ("x = torch.ones(2, requires_grad=True)\nwith torch.no_grad():\n    y = x * 2\ny.sum().backward()", "grad_fn"),
    (
        "class Two(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, x):\n        return x * 2\n"
        "    @staticmethod\n    def backward(ctx, g):\n        return g, g, g\n"
        "Two.apply(torch.ones((), requires_grad=True)).backward()",
        "Two",
        "3",
        "1",
    ),
    ("nn.Parameter(torch.ones(2, dtype=torch.int64))", "floating|complex"),
)
AUTOGRAD += _rows(
    "TypeError",
    ("x = torch.ones(2, requires_grad=True); x.grad = 3", "grad|Tensor"),
    ("nn.Module().register_parameter('a', torch.ones(2))", "Parameter|register_parameter"),
    ("m = nn.Linear(2, 2); m.weight = torch.ones(2, 2)", "weight", "Parameter"),
)
AUTOGRAD += _rows(
    "AttributeError",
    (
        "class M(nn.Module):\n    def __init__(self):\n        self.a = nn.ReLU()\nM()",
        r"before Module.__init__\(\) call",
    ),
)

DEVICES = _rows(
    "RuntimeError",
    ("torch.device('gpu')", "gpu", "cuda|cpu"),
    ("torch.device('cpu:x')", "cpu:x|device"),
    ("torch.Generator(device='gpu')", "gpu"),
)
DEVICES += _rows(
    "AssertionError",
    ("torch.ones(2).cuda()", "CUDA"),
    ("torch.ones(2, device='cuda')", "CUDA"),
    ("nn.Linear(2, 2).to('cuda')", "CUDA"),
)

OPTIM = _rows(
    "ValueError",
    ("torch.optim.SGD([], lr=0.1)", "empty parameter list"),
    ("torch.optim.SGD([torch.ones(2, requires_grad=True)], lr=-1.0)", "learning rate", "-1"),
    ("torch.optim.SGD([torch.ones(2, requires_grad=True)], lr=0.1, nesterov=True)", "[Nn]esterov", "momentum"),
    ("torch.optim.Adam([torch.ones(2, requires_grad=True)], betas=(1.5, 0.9))", "beta", "1.5"),
    ("torch.optim.SGD([torch.ones(2, requires_grad=True) * 2], lr=0.1)", "non-leaf|leaf"),
    ("torch.optim.Muon([torch.ones(2, requires_grad=True)])", "Muon", "2D", r"\[2\]"),
    ("torch.optim.Adafactor([torch.ones(2, requires_grad=True)], d=0.5)", "d ", "0.5"),
    (
        "a, b = torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True)\n"
        "s = torch.optim.SGD([a], lr=0.1).state_dict(); torch.optim.SGD([a, b], lr=0.1).load_state_dict(s)",
        "parameter group|size",
    ),
)
OPTIM += _rows(
    "TypeError",
    ("torch.optim.SGD(torch.ones(2, requires_grad=True), lr=0.1)", "params", "iterable|Tensor"),
    ("torch.optim.SGD([1.0], lr=0.1)", "float|Tensors"),
)

BY_PLACE = _rows(
    "RuntimeError",
    (
        "torch.zeros(3).scatter_reduce(0, torch.tensor([0]), torch.ones(1), 'maximum')",
        "sum, prod, mean, amax or amin",
        "got maximum",
    ),
    ("torch.zeros(3).scatter_reduce(0, torch.tensor([0]), torch.ones(1).double(), 'sum')", "scatter_reduce", "dtype"),
    ("torch.zeros(3).index_reduce(0, torch.tensor([0]), torch.ones(1), 'sum')", "prod, mean, amax or amin", "got sum"),
    (
        "torch.zeros(3, 2).index_reduce(0, torch.tensor([0]), torch.ones(2, 2), 'amax')",
        "index_reduce",
        r"\(1\)",
        r"\(2\)",
    ),
    ("torch.zeros(3, 2).index_reduce(0, torch.tensor([0]), torch.ones(1, 4), 'amax')", r"\[3, 2\]", r"\[1, 4\]"),
    ("torch.ones(2, 3).sum_to_size(2, 2)", r"\[2, 2\]", r"\[2, 3\]", "expandable"),
    ("torch.gradient(torch.ones(3, 1))", "gradient", r"edge_order\+1", "dim 1"),
    ("torch.gradient(torch.ones(3, 3), spacing=[1.0])", "gradient", "spacing", "length 1"),
    ("torch.gradient(torch.ones(3), spacing=[torch.ones(1, 3)])", "gradient", r"\[1, 3\]", "one dimension"),
    ("torch.unravel_index(torch.tensor([1]), (2, 0))", "unravel_index", r"\(2, 0\)"),
    ("torch.histogram(torch.ones(3), 2, range=(2.0, 1.0))", "min 2 max 1"),
    ("torch.histogramdd(torch.ones(3, 2), [2])", "bins", "1 and 2"),
    ("torch.as_strided_scatter(torch.ones(4), torch.ones(3), (2,), (1,))", r"\[3\]", r"\[2\]"),
)
BY_PLACE += _rows(
    "TypeError",
    ("torch.unravel_index(torch.tensor([1.0]), (2, 2))", "indices", "float32"),
    ("torch.ldexp(torch.ones(2), 3)", "ldexp", "other", "int"),
    ("torch.zeros(3).scatter_reduce(0, torch.tensor([0]), 1.0, 'sum')", "src", "float"),
)
BY_PLACE += _rows(
    "NotImplementedError",
    ("torch.histogram(torch.ones(3, dtype=torch.int64), 2)", "histogram", "Long"),
    ("(torch.ones(2) > 0).scatter_reduce(0, torch.tensor([0]), torch.ones(1) > 0, 'mean')", "mean", "Bool"),
)
BY_PLACE += _rows("ValueError", ("torch.masked.mean(torch.ones(2, dtype=torch.int64))", "int64", "dtype="))
BY_PLACE += _rows("IndexError", ("torch.masked.sum(torch.ones(2), mask=torch.ones(2, 2) > 0)", "mask", r"\[2, 2\]"))

LATELY = _rows(
    "RuntimeError",
    ("torch.func.grad(lambda x: x)(torch.ones(2))", "grad", "scalar"),
    ("torch.func.vjp(lambda x: x * 2, torch.ones(2))[1](torch.ones(3))", r"2", "3"),
    ("torch.func.stack_module_state([])", "at least one model"),
    ("torch.vmap(lambda x: x.item())(torch.ones(2))", "vmap", "item"),
    ("torch.vmap(lambda x: x if x > 0 else -x)(torch.ones(2))", "vmap", "where"),
    ("torch.vmap(lambda x: x + torch.rand(1))(torch.ones(2))", "vmap", "randomness"),
    ("torch.func.functional_call(nn.Linear(2, 1), {'wieght': torch.ones(1, 2)}, torch.ones(2), strict=True)", "wieght"),
    ("torch.autocast('gpu')", "gpu|device"),
    ("torch.save(torch.ones(1), '/nonexistent/folder/file.pt')", "Parent directory /nonexistent/folder", "makedirs"),
    ("import io; torch.load(io.BytesIO(b'PK\\3\\4broken'))", "archive", "truncated"),
    (
        "torch.distributed.init_process_group('nccl', rank=0, world_size=1, init_method='file:///nonexistent')",
        "NCCL|nccl",
    ),
    ("torch.device('gpu')", "gpu", "cpu"),
    ("nn.Linear(2, 2).load_state_dict({'weight': torch.ones(2, 2)})", "Missing key", "bias"),
    (
        "nn.Linear(2, 2).load_state_dict({'weight': torch.ones(2, 3), 'bias': torch.ones(2)})",
        "size mismatch",
        "weight",
        "3",
    ),
    ("F.gelu(torch.ones(2), approximate='fast')", "approximate", "tanh"),
    ("nn.TransformerEncoderLayer(4, 2, activation='swish')", "swish|relu"),
)
LATELY += _rows(
    "ValueError",
    ("torch.vmap(lambda x: x)(3)", "vmap", "int|tensor"),
    ("torch.vmap(lambda x, y: x + y)(torch.ones(2), torch.ones(3))", "2", "3"),
    ("torch.vmap(lambda x: x, in_dims=2)(torch.ones(2, 3))", "in_dim|dim", "2"),
    ("torch.vmap(lambda x: 3)(torch.ones(2))", "vmap", "int|Tensor"),
    ("torch.distributions.Normal(0.0, -1.0)", "Normal", "scale", "-1"),
    ("torch.distributions.Categorical(torch.tensor([0.5, -0.1]))", "Categorical", "probs"),
    ("torch.distributions.Categorical()", "probs", "logits"),
    ("torch.distributions.Uniform(1.0, 0.0)", "Uniform", "low|high"),
    ("torch.distributions.MultivariateNormal(torch.zeros(2), -torch.eye(2))", "covariance_matrix"),
    ("torch.distributions.Bernoulli(torch.tensor(0.5)).log_prob(torch.tensor(2.0))", "support"),
    ("torch.distributed.get_rank()", "init_process_group"),
    ("torch.distributed.all_reduce(torch.ones(2))", "init_process_group"),
    ("nn.parallel.DistributedDataParallel(nn.Linear(2, 2))", "init_process_group"),
    ("torch.utils.data.DistributedSampler([1, 2])", "init_process_group"),
    ("torch.utils.data.DistributedSampler([1, 2], num_replicas=2, rank=2)", "rank 2", "0, 1"),
    ("torch.utils.data.DataLoader([1, 2], batch_size=0)", "batch_size", "0|positive"),
    ("torch.utils.data.DataLoader([1, 2], shuffle=True, sampler=[0, 1])", "sampler", "shuffle"),
    ("torch.utils.data.DataLoader([1, 2], prefetch_factor=2)", "prefetch_factor", "num_workers"),
    ("torch.utils.data.random_split([1, 2, 3], [1, 1])", "length", "3|sum"),
    ("F.mse_loss(torch.ones(2), torch.ones(2), reduction='avg')", "avg", "reduction"),
    ("nn.Conv2d(1, 1, 3, padding='sam')", "sam", "same"),
    ("nn.Conv2d(1, 1, 3, padding_mode='zero')", "zero", "zeros"),
    ("nn.RNN(2, 3, nonlinearity='gelu')", "gelu", "tanh"),
    ("nn.init.kaiming_normal_(torch.ones(2, 2), mode='fan')", "fan", "fan_in"),
    ("torch.cdist(torch.ones(2, 2), torch.ones(2, 2), compute_mode='mm')", "mm", "compute_mode"),
    ("torch.serialization.set_default_mmap_options(99)", "MAP_PRIVATE", "99"),
    (
        "import torch.utils.checkpoint as c; c.checkpoint(torch.exp, torch.ones(1), use_reentrant=False, determinism_check='some')",
        "default",
        "none",
        "some",
    ),
)
LATELY += _rows(
    "NotImplementedError",
    ("F.interpolate(torch.ones(1, 1, 2, 2), scale_factor=2, mode='bilinaer')", "bilinaer", "bilinear"),
    ("F.pad(torch.ones(2, 2), (1, 1), mode='mirror')", "mirror"),
)
LATELY += _rows(
    "TypeError",
    ("torch.max(torch.ones(2), axes=0)", "axes"),
    ("torch.ones(2, 2).sum(0, torch.float64)", "keepdim", "bool"),
    ("torch.rand(2, generater=None)", "rand"),
    ("torch.zeros(2, names=('a',))", "zeros", "names"),
    ("torch.serialization.set_default_load_endianness('big')", "set_default_load_endianness"),
    ("torch.jit.script(3)", "int", "script|class"),
    ("torch.optim.lr_scheduler.StepLR(3, 1)", "int", "Optimizer"),
    ("nn.Sequential(3)", "int", "Module"),
    ("torch.autograd.Variable([1.0])", "list"),
    ("torch.compiler.set_default_backend(3)", "backend", "int"),
)
LATELY += _rows(
    "AssertionError",
    ("torch.compile(3)", "callable|function", "int"),
    ("torch.amp.GradScaler('cpu').step(torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1))", "scale"),
    ("torch.compiler.allow_in_graph(3)", "allow_in_graph", "callable"),
    ("torch.utils.data.ConcatDataset([])", "ConcatDataset|datasets"),
)
LATELY += _rows("EOFError", ("import io; torch.load(io.BytesIO(b''))",))
LATELY += _rows("UnpicklingError", ("import io; torch.load(io.BytesIO(b'not a checkpoint'))", "load|file"))
LATELY += _rows("FileNotFoundError", ("torch.load('/nonexistent/file.pt')", "/nonexistent/file.pt"))

VISION = _rows(
    "TypeError",
    ("T.ToTensor()(3)", "PIL Image", "int"),
    ("T.Normalize([0.5], [0.5])(torch.ones(3, 2, 2, dtype=torch.uint8))", "float", "uint8", "Normalize"),
    ("T.RandomResizedCrop(3)(3)", "int", "RandomResizedCrop"),
    ("T.functional.resize(3, 3)", "int"),
    ("T.Lambda(3)", "callable", "int"),
    ("models.resnet18(num_clases=3)", "ResNet", "num_clases"),
)
VISION += _rows(
    "ValueError",
    ("T.Normalize([0.5], [0.0])(torch.ones(1, 2, 2))", "std", "zero"),
    ("T.RandomCrop(5)(torch.ones(1, 2, 2))", r"\(5, 5\)", r"\(2, 2\)"),
    ("T.ColorJitter(hue=0.6)", "hue", "0.6"),
    ("T.Pad(1, padding_mode='mirror')", "reflect"),
    ("T.ToPILImage()(torch.ones(5, 2, 2))", "5 channels"),
    ("T.GaussianBlur(2)", "odd"),
    ("models.get_model('resnet')", "resnet"),
    ("ops.box_convert(torch.ones(1, 4), 'xyxy', 'foo')", "xyxy", "foo"),
    ("ops.sigmoid_focal_loss(torch.ones(2), torch.ones(2), reduction='avg')", "avg", "mean"),
    ("ops.stochastic_depth(torch.ones(2, 2), 0.5, 'all')", "all", "batch", "row"),
    ("datasets.SVHN('/nonexistent', split='foo')", "foo", "train, test, extra"),
    ("utils.save_image(torch.ones(1, 2, 2), 'picture.foo')", "foo"),
)
VISION += _rows(
    "RuntimeError",
    ("T.Normalize([0.5] * 4, [0.5] * 4)(torch.ones(3, 2, 2))", r"\(3, 2, 2\) and \(4, 1, 1\)"),
    ("models.resnet18()(torch.ones(1, 1, 32, 32))", "3 channels", "1 channels", "ResNet"),
    ("datasets.MNIST('/nonexistent')", "download=True"),
)
VISION += _rows("KeyError", ("models.resnet18(weights='IMAGENET_V1')", "IMAGENET_V1", "IMAGENET1K_V1"))
VISION += _rows("FileNotFoundError", ("datasets.ImageFolder('/nonexistent')", "/nonexistent"))
VISION += _rows("AssertionError", ("models.vit_b_16()(torch.ones(1, 3, 32, 32))", "224", "32"))

MISTAKES = [*VISION, *LATELY, *BY_PLACE, *SHAPES, *NN, *DTYPES, *INDICES, *AUTOGRAD, *DEVICES, *OPTIM]
