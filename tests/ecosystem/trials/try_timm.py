"""timm: ResNet, EfficientNet, ViT, ConvNeXt and MobileNet forward, backward, some steps; features; its optimizers and schedules."""

import tempfile
from pathlib import Path

import timm
import torch
from outcome import report, train
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler

results = {}
images, labels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(5)), torch.tensor([1, 3])
for name, options in {
    "resnet18": {},
    "efficientnet_b0": {},
    "vit_tiny_patch16_224": {"img_size": 64},
    "convnext_atto": {},
    "mobilenetv3_small_100": {},
}.items():
    torch.manual_seed(0)
    model = timm.create_model(name, pretrained=False, num_classes=10, **options).eval()
    scores = model(images)
    torch.nn.functional.cross_entropy(scores, labels).backward()
    results[name] = scores
    results[f"{name} gradients"] = sum(p.grad.norm() for p in model.parameters() if p.grad is not None)
torch.manual_seed(1)
network = timm.create_model("resnet10t", num_classes=4)
results["losses"] = train(network, images, labels, steps=6)
features = timm.create_model("resnet10t", features_only=True).eval()
torch.manual_seed(2)
results["shapes"] = [list(part.shape) for part in features(images)]
optimizer = create_optimizer_v2(network, opt="lamb", lr=1e-3, weight_decay=0.05)
schedule = CosineLRScheduler(optimizer, t_initial=10, warmup_t=3, warmup_lr_init=1e-5)
results["rates"], results["smoothed"] = [], []
smooth = LabelSmoothingCrossEntropy(0.1)
for step in range(6):
    optimizer.zero_grad()
    loss = smooth(network(images), labels)
    loss.backward()
    optimizer.step()
    schedule.step(step + 1)
    results["rates"].append(optimizer.param_groups[0]["lr"])
    results["smoothed"].append(loss.item())
with tempfile.TemporaryDirectory() as folder:
    file = str(Path(folder) / "network.pt")
    torch.save(network.state_dict(), file)
    again = timm.create_model("resnet10t", num_classes=4, checkpoint_path=file).eval()
network.eval()
results["read"] = [float(torch.equal(again(images), network(images)))]
report(**results)
