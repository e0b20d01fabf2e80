"""accelerate: a training loop with `prepare`, accumulated gradients, clipping and gathered metrics, its state saved and read, a model of empty weights filled."""

import tempfile

import torch
from accelerate import Accelerator, init_empty_weights, load_checkpoint_and_dispatch
from accelerate.utils import set_seed
from outcome import report
from torch.utils.data import DataLoader, TensorDataset

set_seed(0)


def network():
    return torch.nn.Sequential(torch.nn.Linear(12, 32), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(32, 4))


accelerator = Accelerator(cpu=True, gradient_accumulation_steps=2)
model = network()
inputs = torch.randn(96, 12)
data = DataLoader(TensorDataset(inputs, inputs[:, :4].argmax(1)), batch_size=16, shuffle=True)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=40)
model, optimizer, data, schedule = accelerator.prepare(model, optimizer, data, schedule)
losses, norms, seen = [], [], []
for _ in range(4):
    for x, y in data:
        with accelerator.accumulate(model):
            outputs = model(x)
            loss = torch.nn.functional.cross_entropy(outputs, y)
            accelerator.backward(loss)
            if accelerator.sync_gradients:
                norms.append(accelerator.clip_grad_norm_(model.parameters(), 1.0))
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        losses.append(accelerator.gather(loss.detach()))
        seen.append(accelerator.gather_for_metrics((outputs.argmax(1) == y).float()).mean())
with tempfile.TemporaryDirectory() as folder:
    accelerator.save_state(folder)
    before = [p.detach().clone() for p in model.parameters()]
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    accelerator.load_state(folder)
    back = all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    accelerator.save_model(model, folder)
    with init_empty_weights():
        empty = network()
    assert all(p.device.type == "meta" for p in empty.parameters())
    filled = load_checkpoint_and_dispatch(empty, folder, device_map={"": "cpu"}).eval()
report(
    losses=losses,
    norms=norms,
    seen=seen,
    back=[float(back)],
    filled=filled(inputs[:8]),
    same=[float(torch.equal(filled(inputs[:8]), accelerator.unwrap_model(model).eval()(inputs[:8])))],
)
