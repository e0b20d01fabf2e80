"""Distributions given by chances or by their logarithms: either is computed from the other when it is first read."""

from __future__ import annotations

from typing import Any

from ..tensor import Size, Tensor
from .utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits

_ONE_OF_BOTH = "Either `probs` or `logits` must be specified, but not both."


def require_one(probs: Any, logits: Any) -> None:
    """Raises ValueError unless one of the two is given."""
    if (probs is None) == (logits is None):
        raise ValueError(_ONE_OF_BOTH)


class Binary:
    """Has `probs`, the chances of 1, and `logits`, their log odds; `_param` is the one that was given."""

    _param: Tensor

    def _take(self, probs: Any, logits: Any, *beside: Any) -> tuple[Tensor, ...]:
        """Keeps what was given, broadcast with further parameters, which are returned."""
        require_one(probs, logits)
        self._param, *others = broadcast_all(logits if probs is None else probs, *beside)
        setattr(self, "logits" if probs is None else "probs", self._param)
        return tuple(others)

    @lazy_property
    def logits(self) -> Tensor:
        """Log odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """Chances."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._param.size()


class OfCategories:
    """Passes on what a `_categorical` holds."""

    _categorical: Any

    @property
    def probs(self) -> Tensor:
        """The chances of the categories, over the last axis."""
        return self._categorical.probs  # type: ignore[no-any-return]

    @property
    def logits(self) -> Tensor:
        """Their logarithms."""
        return self._categorical.logits  # type: ignore[no-any-return]

    @property
    def _param(self) -> Tensor:
        return self._categorical._param  # type: ignore[no-any-return]

    @property
    def param_shape(self) -> Size:
        """The shape of the parameter."""
        return self._categorical.param_shape  # type: ignore[no-any-return]
