"""captum: integrated gradients, saliency, DeepLift, gradient SHAP, occlusion, feature ablation, Grad-CAM, layer conductance, Shapley values."""

import torch
from captum.attr import (
    DeepLift,
    FeatureAblation,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    LayerActivation,
    LayerConductance,
    LayerGradCam,
    Occlusion,
    Saliency,
    ShapleyValueSampling,
)
from outcome import report, train

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(3, 8, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(8, 8, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.AdaptiveAvgPool2d(4),
    torch.nn.Flatten(),
    torch.nn.Linear(128, 5),
)
images, labels = torch.randn(8, 3, 16, 16), torch.arange(8) % 5
results = {"losses": train(network, images, labels)}
network.eval()
x, target = images[:3], labels[:3]
whole, gap = IntegratedGradients(network).attribute(x, target=target, n_steps=20, return_convergence_delta=True)
results |= {"integrated": whole.sum((2, 3)), "gap": gap}
results["saliency"] = Saliency(network).attribute(x, target=target).sum((2, 3))
results["deep_lift"] = DeepLift(network).attribute(x, torch.zeros_like(x), target=target).sum((2, 3))
results["guided"] = GuidedBackprop(network).attribute(x, target=target).sum((2, 3))
results["product"] = InputXGradient(network).attribute(x, target=target).sum((2, 3))
results["occlusion"] = Occlusion(network).attribute(x, (3, 4, 4), strides=(3, 4, 4), target=target)[:, 0, ::4, ::4]
groups = (torch.arange(256).reshape(1, 1, 16, 16) // 32).expand(1, 3, 16, 16).contiguous()
results["ablation"] = FeatureAblation(network).attribute(x, target=target, feature_mask=groups)[:, 0, :, 0]
results["conductance"] = LayerConductance(network, network[3]).attribute(x, target=target, n_steps=10).sum((2, 3))
results["grad_cam"] = LayerGradCam(network, network[3]).attribute(x, target=target)
results["activation"] = LayerActivation(network, network[4]).attribute(x).mean((2, 3))
torch.manual_seed(1)
results["shapley"] = ShapleyValueSampling(network).attribute(x, target=target, feature_mask=groups, n_samples=3)[
    :, 0, :, 0
]
report(**results)
