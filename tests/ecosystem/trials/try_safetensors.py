"""safetensors.torch: a model with shared weights, tensors of all dtypes, bytes in memory, a part of a file read lazily."""

import tempfile
from pathlib import Path

import torch
from outcome import report, train
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model

torch.manual_seed(0)


class Tied(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(20, 8)
        self.hidden = torch.nn.Linear(8, 8)
        self.head = torch.nn.Linear(8, 20, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens):
        return self.head(torch.tanh(self.hidden(self.embedding(tokens))))


model, other = Tied(), Tied()
losses = train(model, torch.arange(20), torch.arange(20).roll(1))
kinds = "float32 float64 float16 bfloat16 int8 int16 int32 int64 uint8 bool".split()
tensors = {name: (torch.arange(6).reshape(2, 3) % 3).to(getattr(torch, name)) for name in kinds}
with tempfile.TemporaryDirectory() as folder:
    file = str(Path(folder) / "model.safetensors")
    save_model(model, file)
    missing, unexpected = load_model(other, file)
    save_file(tensors, str(Path(folder) / "tensors.safetensors"), metadata={"made": "by a trial"})
    back = load_file(str(Path(folder) / "tensors.safetensors"))
    with safe_open(str(Path(folder) / "tensors.safetensors"), framework="pt") as opened:
        names, made = sorted(opened.keys()), opened.metadata()["made"]
        part = opened.get_slice("float32")[:, 1:]
        whole = opened.get_tensor("bfloat16")
assert made == "by a trial" and not missing and not unexpected
assert all(back[name].dtype is tensors[name].dtype for name in kinds)
report(
    losses=losses,
    read=other(torch.arange(20)),
    tied=[float(other.head.weight is other.embedding.weight)],
    tensors=[back[name] for name in kinds],
    part=part,
    whole=whole,
    memory=load(save({"x": model.hidden.weight.detach().contiguous()}))["x"],
    names=[len(names)],
)
