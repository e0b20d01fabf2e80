"""timm: fourteen networks with PyTorch's weights, their training steps, features, optimizers, schedules, losses, mixup, averages of weights, its transforms."""

import io

import numpy as np
import timm
import torch
from outcome import report
from PIL import Image
from timm.data import Mixup, create_transform, resolve_data_config
from timm.loss import LabelSmoothingCrossEntropy, SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import AverageMeter, ModelEmaV3, accuracy, dispatch_clip_grad

NETWORKS = {
    "resnet18": {},
    "resnet50": {},
    "resnext26ts": {},
    "efficientnet_b0": {},
    "mobilenetv3_small_100": {},
    "regnety_002": {},
    "densenet121": {},
    "convnext_atto": {},
    "vit_tiny_patch16_224": {"img_size": 64},
    "deit3_small_patch16_224": {"img_size": 64, "depth": 3},
    "swin_tiny_patch4_window7_224": {"img_size": 56, "depths": (1, 1, 2, 1)},
    "mixer_s32_224": {"img_size": 64},
    "coat_lite_tiny": {"img_size": 64},
    "fastvit_t8": {},
}
results = {}
torch.manual_seed(0)
images = torch.randn(2, 3, 64, 64)
for name, options in NETWORKS.items():
    torch.manual_seed(1)
    model = timm.create_model(name, num_classes=10, **options)
    inputs = images[..., :56, :56] if "swin" in name else images
    model.eval()
    with torch.no_grad():
        results[name] = model(inputs)
    model.train()
    loss = torch.nn.functional.cross_entropy(model(inputs), torch.tensor([3, 7]))
    loss.backward()
    results[f"{name}_loss"] = loss
    results[f"{name}_gradients"] = [p.grad.double().norm() for p in model.parameters() if p.grad is not None][-6:]

torch.manual_seed(2)
backbone = timm.create_model("resnet18", features_only=True, out_indices=(1, 3), pretrained=False)
results["features"] = [feature.mean((2, 3)) for feature in backbone(images)]

labels = torch.arange(8) % 4
inputs = torch.randn(8, 3, 32, 32)
for kind in ("sgd", "adamw", "lamb", "rmsproptf", "adafactor", "lion", "adamp", "nadamw", "madgrad", "lookahead_adamw"):
    torch.manual_seed(3)
    model = timm.create_model("mobilenetv3_small_050", num_classes=4, drop_rate=0.0)
    optimizer = create_optimizer_v2(model, opt=kind, lr=1e-3, weight_decay=0.01)
    schedule, _ = create_scheduler_v2(optimizer, sched="cosine", num_epochs=6, warmup_epochs=2, warmup_lr=1e-5)
    average, criterion, meter = ModelEmaV3(model, decay=0.9), LabelSmoothingCrossEntropy(0.1), AverageMeter()
    losses = []
    for epoch in range(5):
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        optimizer.zero_grad()
        loss.backward()
        dispatch_clip_grad(model.parameters(), 1.0)
        optimizer.step()
        average.update(model)
        schedule.step(epoch + 1)
        meter.update(accuracy(outputs, labels)[0].item(), 8)
        losses += [loss.item(), optimizer.param_groups[0]["lr"]]
    results[kind] = losses
    results[f"{kind}_average"] = average.module.conv_stem.weight.detach().abs().mean()

np.random.seed(0)
mixed, soft = Mixup(mixup_alpha=0.4, cutmix_alpha=1.0, num_classes=4)(inputs.clone(), labels)
results["mixup"] = [mixed.mean((1, 2, 3)), soft]
results["soft_loss"] = SoftTargetCrossEntropy()(torch.randn(8, 4), soft)
picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8))
configuration = resolve_data_config({}, model=model)
results["transformed"] = create_transform(**configuration)(picture).mean((1, 2))
file = io.BytesIO()
torch.save(model.state_dict(), file)
file.seek(0)
again = timm.create_model("mobilenetv3_small_050", num_classes=4)
again.load_state_dict(torch.load(file))
results["read"] = [float(torch.equal(again.eval()(inputs), model.eval()(inputs)))]
report(**results)
