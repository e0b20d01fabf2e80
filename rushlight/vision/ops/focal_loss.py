"""The focal loss: what is classified well counts less (Lin et al. 2017)."""

from __future__ import annotations

from ...nn import functional
from ...tensor import Tensor
from .box_losses import reduced


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """The focal loss of logits and targets of one shape, targets being 0 or 1.

    Args:
        alpha: weight of the targets that are 1, in [0, 1], or -1 for none.
        gamma: the power of 1 less the probability given to the target.
        reduction: "none", "mean" or "sum".

    ValueError for another `alpha` or `reduction`.

    >>> import rushlight as torch
    >>> sigmoid_focal_loss(torch.tensor([0.0]), torch.tensor([1.0]))
    tensor([0.0433])
    """
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    probability = inputs.sigmoid()
    entropy = functional.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    given = probability * targets + (1 - probability) * (1 - targets)
    loss = entropy * ((1 - given) ** gamma)
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return reduced(loss, reduction)
