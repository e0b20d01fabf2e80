"""torchmetrics: classification, regression, image and text metrics over several batches, a collection, state saved and read."""

import io

import torch
from outcome import report
from torchmetrics import Accuracy, F1Score, MeanSquaredError, MetricCollection, PearsonCorrCoef
from torchmetrics.classification import MulticlassAUROC, MulticlassConfusionMatrix
from torchmetrics.functional import pairwise_cosine_similarity
from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure
from torchmetrics.text import Perplexity

torch.manual_seed(0)
collection = MetricCollection(
    {
        "accuracy": Accuracy(task="multiclass", num_classes=5),
        "f1": F1Score(task="multiclass", num_classes=5, average="macro"),
        "auroc": MulticlassAUROC(num_classes=5),
        "confusion": MulticlassConfusionMatrix(num_classes=5),
    }
)
error, correlation = MeanSquaredError(), PearsonCorrCoef()
for _ in range(4):
    scores, labels = torch.randn(64, 5).softmax(1), torch.randint(0, 5, (64,))
    collection.update(scores, labels)
    error.update(scores[:, 0], scores[:, 1])
    correlation.update(scores[:, 0], scores[:, 1])
file = io.BytesIO()
collection.persistent(True)
torch.save(collection.state_dict(), file)
file.seek(0)
again = collection.clone()
again.reset()
again.load_state_dict(torch.load(file))
images = torch.rand(2, 3, 48, 48)
noisy = (images + 0.1 * torch.rand(2, 3, 48, 48)).clamp(0, 1)
similarity = StructuralSimilarityIndexMeasure(data_range=1.0)
noisy.requires_grad_()
loss = 1 - similarity(noisy, images)
loss.backward()
report(
    collection=collection.compute(),
    read=again.compute(),
    error=error.compute(),
    correlation=correlation.compute(),
    similarity=loss,
    gradient=noisy.grad.abs().sum((2, 3)),
    noise=PeakSignalNoiseRatio(data_range=1.0)(noisy.detach(), images),
    perplexity=Perplexity()(torch.randn(2, 8, 5), torch.randint(0, 5, (2, 8))),
    cosine=pairwise_cosine_similarity(torch.randn(4, 6)),
)
