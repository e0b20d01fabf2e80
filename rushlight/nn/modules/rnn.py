"""Recurrent layers and cells: RNN, LSTM, GRU. What they compute stands in `functional/recurrent.py`.

>>> import rushlight as torch
>>> output, (h, c) = torch.nn.LSTM(10, 20, num_layers=2)(torch.randn(5, 3, 10))
>>> output.shape, h.shape, c.shape
(torch.Size([5, 3, 20]), torch.Size([2, 3, 20]), torch.Size([2, 3, 20]))
"""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import numpy as np

from ...tensor import Tensor, empty, zeros
from ...tensor.casting import is_autocast_on
from .. import functional as F
from .. import init
from ..functional.recurrent import State, Weights, can_lie_side_by_side, cell, run_layers, run_side_by_side
from ..parameter import Parameter
from ..utils.rnn import Laid, PackedSequence
from .module import Module

_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """What recurrent layers have in common: parameters, and the shapes of inputs and states.

    input: (T, N, input_size), (N, T, input_size) where batch_first holds, (T, input_size) without batch, or a
    PackedSequence. bidirectional: run against time as well and join the outputs. dropout: between layers, while
    training. proj_size: (LSTM) size that the hidden state is projected to.
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout) if _is_probability(dropout) else dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_sizes()
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                self._add_weights(layer, suffix, {"device": device, "dtype": dtype})
        self.reset_parameters()

    def _check_sizes(self) -> None:
        if not _is_probability(self.dropout):
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
            )
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects "
                f"num_layers greater than 1, but got dropout={self.dropout} and num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name, kind in (("input_size", int), ("hidden_size", int), ("bias", bool), ("batch_first", bool)):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero to disable projections")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if self.mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {self.mode}")

    def _add_weights(self, layer: int, suffix: str, where: dict[str, Any]) -> None:
        """Makes the parameters of one layer in one direction."""
        rows = _GATES[self.mode] * self.hidden_size
        out = self.proj_size or self.hidden_size
        columns = self.input_size if layer == 0 else out * (2 if self.bidirectional else 1)
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, columns), "weight_hh": (rows, out)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        names = []
        for name, shape in shapes.items():
            names.append(f"{name}_l{layer}{suffix}")
            setattr(self, names[-1], Parameter(empty(shape, **where)))
        self._all_weights.append(names)

    def reset_parameters(self) -> None:
        """Draws all parameters anew, uniform over ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters, in a list for each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Parameter]:
        return [getattr(self, name) for name in self._flat_weights_names]

    def flatten_parameters(self) -> None:
        """Accepted for PyTorch's sake: where parameters lie in memory does not matter here."""

    def _weights(self) -> list[Weights]:
        found = []
        for names in self._all_weights:
            tensors = [getattr(self, name) for name in names]
            bias_ih, bias_hh = tensors[2:4] if self.bias else (None, None)
            found.append(Weights(tensors[0], tensors[1], bias_ih, bias_hh, tensors[-1] if self.proj_size else None))
        return found

    def __setstate__(self, state: dict[str, Any]) -> None:
        # PyTorch's pickles hold the flat lists, which are computed here.
        flat = ("_flat_weights", "_flat_weights_names", "_flat_weight_refs", "all_weights")
        super().__setstate__({name: value for name, value in state.items() if name not in flat})
        self.__dict__.setdefault("proj_size", 0)

    # ---- shapes

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raises where the input's dtype, axes or last size do not fit."""
        expected = self.all_weights[0][0].dtype
        if input.dtype != expected and not is_autocast_on():
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({expected}). "
                f"Convert input: input.to({expected}), or convert model: model.to({input.dtype})"
            )
        axes = 2 if batch_sizes is not None else 3
        if input.dim() != axes:
            raise RuntimeError(f"input must have {axes} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the hidden state must have."""
        batch_axis = 0 if self.batch_first else 1
        batch = input.size(batch_axis) if batch_sizes is None else int(batch_sizes[0])
        directions = 2 if self.bidirectional else 1
        return self.num_layers * directions, batch, self.proj_size or self.hidden_size

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int], msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Raises where the state does not have the expected shape."""
        if tuple(hx.size()) != expected_hidden_size:
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def _first_state(self, input: Tensor, hidden_shape: tuple[int, int, int]) -> State:
        """Zeros, where no state is given."""
        return (zeros(hidden_shape, dtype=input.dtype, device=input.device),)

    def _check_given(self, hx: State, batched: bool) -> None:
        """Raises where a given state has the wrong number of axes."""
        (hidden,) = hx
        if hidden.dim() != (3 if batched else 2):
            form, axes = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
            raise RuntimeError(f"For {form} input, hx should also be {axes}-D but got {hidden.dim()}-D tensor")

    def _check_state(self, hx: State, hidden_shape: tuple[int, int, int]) -> None:
        self.check_hidden_size(hx[0], hidden_shape)

    # ---- running

    def _run(self, input: Any, hx: State | None) -> tuple[Any, State]:
        """The outputs, like the input, and the final state, like hx."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx)
        if input.dim() not in (2, 3):
            raise ValueError(self._wrong_axes(input.dim()))
        batched = input.dim() == 3
        batch_axis = 0 if self.batch_first else 1
        if not batched:
            input = input.unsqueeze(batch_axis)
        if hx is not None:
            self._check_given(hx, batched)
            hx = hx if batched else tuple(each.unsqueeze(1) for each in hx)
        self.check_input(input, None)
        hidden_shape = self.get_expected_hidden_size(input, None)
        hx = self._first_state(input, hidden_shape) if hx is None else hx
        self._check_state(hx, hidden_shape)
        x = input.transpose(0, 1) if self.batch_first else input
        if x.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        output, final = self._run_time_first(x, None, hx)
        output = output.transpose(0, 1) if self.batch_first else output
        if batched:
            return output, final
        return output.squeeze(batch_axis), tuple(each.squeeze(1) for each in final)

    def _run_packed(self, input: PackedSequence, hx: State | None) -> tuple[PackedSequence, State]:
        data, batch_sizes, sorted_indices, unsorted_indices = input
        laid = input._side_by_side()
        drops = self.training and self.dropout > 0 and self.num_layers > 1  # for packed rows, one draw for each
        if laid is not None and (drops or not can_lie_side_by_side(self.mode, self._weights())):
            laid = None
        if laid is not None:
            data = laid.rows
        self.check_input(data, batch_sizes)
        hidden_shape = self.get_expected_hidden_size(data, batch_sizes)
        hx = self._first_state(data, hidden_shape) if hx is None else self._permute(hx, sorted_indices)
        self._check_state(hx, hidden_shape)
        if laid is not None:
            states, weights = self._states(hx), self._weights()
            directions = 2 if self.bidirectional else 1
            rows, final = run_side_by_side(self.mode, *laid, states, weights, directions)
            places = np.minimum(np.arange(len(laid.places))[:, None], laid.lengths - 1) * len(laid.lengths)
            found = Laid(rows, places + np.arange(len(laid.lengths)), laid.lengths)
            packed = PackedSequence._of(found, batch_sizes, sorted_indices, unsorted_indices)
            return packed, self._permute(final, unsorted_indices)
        output, final = self._run_time_first(data, batch_sizes.tolist(), hx)
        packed = PackedSequence(output, batch_sizes, sorted_indices, unsorted_indices)
        return packed, self._permute(final, unsorted_indices)

    def _states(self, hx: State) -> list[State]:
        """The state of each layer in each direction."""
        directions = 2 if self.bidirectional else 1
        return [tuple(each[i] for each in hx) for i in range(self.num_layers * directions)]

    def _run_time_first(self, x: Tensor, batch_sizes: list[int] | None, hx: State) -> tuple[Tensor, State]:
        weights = self._weights()
        states = self._states(hx)
        drops = self.training and self.dropout > 0
        dropout = (lambda y: F.dropout(y, self.dropout, True)) if drops else None
        return run_layers(self.mode, x, batch_sizes, states, weights, 2 if self.bidirectional else 1, dropout)

    def _permute(self, hx: State, order: Tensor | None) -> State:
        return hx if order is None else tuple(each.index_select(1, order) for each in hx)

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The state with its sequences in another order."""
        return hx if permutation is None else hx.index_select(1, permutation)

    def _wrong_axes(self, axes: int) -> str:
        return f"{self.mode}: Expected input to be 2D or 3D, got {axes}D instead"

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        output, final = self._run(input, None if hx is None else (hx,))
        return output, final[0]

    def extra_repr(self) -> str:
        parts = [
            f"{self.input_size}, {self.hidden_size}",
            f"proj_size={self.proj_size}" if self.proj_size != 0 else "",
            f"num_layers={self.num_layers}" if self.num_layers != 1 else "",
            f"bias={self.bias}" if self.bias is not True else "",
            f"batch_first={self.batch_first}" if self.batch_first is not False else "",
            f"dropout={self.dropout}" if self.dropout != 0 else "",
            f"bidirectional={self.bidirectional}" if self.bidirectional is not False else "",
        ]
        return ", ".join(part for part in parts if part)


def _is_probability(value: Any) -> bool:
    return isinstance(value, numbers.Number) and not isinstance(value, bool) and 0 <= value <= 1  # type: ignore[operator]


def _refuse_projection(kwargs: dict[str, Any], args: tuple) -> None:
    if "proj_size" in kwargs or len(args) > 7:
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """Elman's network: h = tanh(W_ih·x + b_ih + W_hh·h + b_hh), or relu where nonlinearity is "relu".

    RNN(input_size, hidden_size, num_layers=1, nonlinearity="tanh", bias=True, batch_first=False, dropout=0.0,
    bidirectional=False). Gives the output of every step and the final hidden state (num_layers · directions, N,
    hidden_size).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs, args[:3] + args[4:])
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        modes = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}
        if self.nonlinearity not in modes:
            raise ValueError(f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(modes[self.nonlinearity], *args, **kwargs)

    def _wrong_axes(self, axes: int) -> str:
        return f"RNN: Expected input to be 2D or 3D, got {axes}D tensor instead"


class GRU(RNNBase):
    """A network of gated recurrent units; Cho and others, 2014.

    GRU(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False).
    Gives the output of every step and the final hidden state (num_layers · directions, N, hidden_size).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        _refuse_projection(kwargs, args)
        super().__init__("GRU", *args, **kwargs)


class LSTM(RNNBase):
    """A network of long short-term memory; Hochreiter and Schmidhuber, 1997.

    LSTM(input_size, hidden_size, num_layers=1, bias=True, batch_first=False, dropout=0.0, bidirectional=False,
    proj_size=0). Gives the output of every step and (h, c), the final hidden state (num_layers · directions, N,
    proj_size or hidden_size) and cell state (num_layers · directions, N, hidden_size).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Tensor | None) -> tuple[int, int, int]:
        """The shape that the cell state must have."""
        layers, batch, _ = self.get_expected_hidden_size(input, batch_sizes)
        return layers, batch, self.hidden_size

    def _cell_shape(self, hidden_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return (*hidden_shape[:2], self.hidden_size)

    def _first_state(self, input: Tensor, hidden_shape: tuple[int, int, int]) -> State:
        cell_shape = self._cell_shape(hidden_shape)
        return tuple(zeros(shape, dtype=input.dtype, device=input.device) for shape in (hidden_shape, cell_shape))

    def _check_given(self, hx: State, batched: bool) -> None:
        axes = [each.dim() for each in (hx[0], hx[1])]
        if any(n != (3 if batched else 2) for n in axes):
            form, wanted = ("batched 3-D", 3) if batched else ("unbatched 2-D", 2)
            raise RuntimeError(
                f"For {form} input, hx and cx should also be {wanted}-D but got ({axes[0]}-D, {axes[1]}-D) tensors"
            )

    def _check_state(self, hx: State, hidden_shape: tuple[int, int, int]) -> None:
        self.check_hidden_size(hx[0], hidden_shape, "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(hx[1], self._cell_shape(hidden_shape), "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """The state with its sequences in another order."""
        return self._permute(hx, permutation)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        if hx is not None and isinstance(hx, Tensor):
            hx = (hx[0], hx[1])
        output, (h, c) = self._run(input, hx if hx is None else tuple(hx))
        return output, (h, c)


class RNNCellBase(Module):
    """What cells have in common: parameters, and the shapes of input and state."""

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
        for name, shape in shapes.items():
            setattr(self, name, Parameter(empty(shape, device=device, dtype=dtype)))
        for name in ("bias_ih", "bias_hh"):
            made = Parameter(empty(rows, device=device, dtype=dtype)) if bias else None
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all parameters anew, uniform over ±1/√hidden_size."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, mode: str, input: Tensor, hx: State | None, hidden_names: tuple[str, ...]) -> State:
        """One step of a batch or of one input; hidden_names: what errors call the parts of the state."""
        kind = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{kind}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for each, name in zip(hx or (), hidden_names, strict=False):
            if each.dim() not in (1, 2):
                raise ValueError(f"{kind}: Expected {name} to be 1D or 2D, got {each.dim()}D instead")
        batched = input.dim() == 2
        x = input if batched else input.unsqueeze(0)
        if hx is None:
            blank = zeros((x.size(0), self.hidden_size), dtype=x.dtype, device=x.device)
            hx = (blank,) * len(hidden_names)
        else:
            hx = hx if batched else tuple(each.unsqueeze(0) for each in hx)
        self._check(x, hx)
        final = cell(mode, x, hx, Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh))
        return final if batched else tuple(each.squeeze(0) for each in final)

    def _check(self, x: Tensor, hx: State) -> None:
        if x.size(1) != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {x.size(1)} expected {self.input_size}")
        for place, each in enumerate(hx):
            rows = each.size(0)
            if rows != x.size(0):
                raise RuntimeError(f"Input batch size {x.size(0)} doesn't match hidden{place} batch size {rows}")
            if each.size(1) != self.hidden_size:
                raise RuntimeError(
                    f"hidden{place} has inconsistent hidden_size: got {each.size(1)}, expected {self.hidden_size}"
                )

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bias is not True:
            parts.append(f"bias={self.bias}")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)


class RNNCell(RNNCellBase):
    """One step of Elman's network. input: (N, input_size) or (input_size); hx: (N, hidden_size) or (hidden_size)."""

    __constants__ = [*RNNCellBase.__constants__, "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        modes = {"tanh": "RNN_TANH", "relu": "RNN_RELU"}
        if self.nonlinearity not in modes:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        return self._step(modes[self.nonlinearity], input, None if hx is None else (hx,), ("hidden",))[0]


class LSTMCell(RNNCellBase):
    """One step of an LSTM; gives (h, c). input: (N, input_size) or (input_size); hx: two of (N, hidden_size)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        h, c = self._step("LSTM", input, None if hx is None else tuple(hx), ("hx[0]", "hx[1]"))
        return h, c


class GRUCell(RNNCellBase):
    """One step of a GRU. input: (N, input_size) or (input_size); hx: (N, hidden_size) or (hidden_size)."""

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step("GRU", input, None if hx is None else (hx,), ("hidden",))[0]
