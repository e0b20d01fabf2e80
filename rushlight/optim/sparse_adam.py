"""Adam for gradients of which few rows are set."""

from __future__ import annotations

from typing import Any

from ..sparse import SparseTensor
from ..tensor import Tensor, zeros_like
from .optimizer import Optimizer, ParamsT, check_betas, check_lr, number


class SparseAdam(Optimizer):
    """Adam in which only the rows that a sparse gradient has are updated, their means too; as `torch.optim.SparseAdam`.

    params: dense, with sparse gradients, such as those of `nn.Embedding(sparse=True)`. A dense gradient raises RuntimeError.

    >>> import rushlight as torch
    >>> table = torch.nn.Embedding(3, 2, sparse=True)
    >>> optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1)
    >>> table(torch.tensor([1])).sum().backward()
    >>> optimizer.step()
    """

    def __init__(
        self,
        params: ParamsT,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_lr(lr)
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        for kind, refuses, why in (
            ("Sparse", lambda parameter: isinstance(parameter, SparseTensor), "requires dense parameter tensors"),
            ("Complex", lambda parameter: parameter.is_complex(), "does not support complex parameters"),
        ):
            found = [
                [number_of_group, place]
                for number_of_group, group in enumerate(self.param_groups)
                for place, parameter in enumerate(group["params"])
                if refuses(parameter)
            ]
            if found:
                raise ValueError(f"{kind} params at indices {found}: SparseAdam {why}")

    def _update(self, group: dict[str, Any]) -> None:
        chosen = [parameter for parameter in group["params"] if parameter.grad is not None]
        for parameter in chosen:
            if not parameter.grad.is_sparse:
                raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        for parameter in chosen:
            g = parameter.grad
            self._update_rows(parameter, (-g if group["maximize"] else g).coalesce(), group)

    def _update_rows(self, parameter: Tensor, g: SparseTensor, group: dict[str, Any]) -> None:
        """Adam's step for the elements that the gradient has."""
        state = self.state[parameter]
        if not state:
            state.update(step=0, exp_avg=zeros_like(parameter), exp_avg_sq=zeros_like(parameter))
        state["step"] += 1
        if not g._nnz():
            return
        places, values = tuple(g.indices()), g.values()
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        beta1, beta2 = (number(beta) for beta in group["betas"])
        first, second = mean[places], square[places]
        first = first + (values - first) * (1 - beta1)
        second = second + (values.pow(2) - second) * (1 - beta2)
        mean.index_put_(places, first)
        square.index_put_(places, second)
        rate = number(group["lr"]) * (1 - beta2 ** state["step"]) ** 0.5 / (1 - beta1 ** state["step"])
        parameter.index_put_(places, first.div(second.sqrt().add(group["eps"])) * -rate, accumulate=True)  # type: ignore[attr-defined]
