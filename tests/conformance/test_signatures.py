"""What PyTorch documents can be called so here: the names, places and defaults of arguments."""

from __future__ import annotations

import pytest

import rushlight as torch

from .signatures import KNOWN, scan


def test_arguments_are_those_that_pytorch_documents() -> None:
    known = [line for line in KNOWN.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    found = list(scan())
    fresh, gone = [line for line in found if line not in known], [line for line in known if line not in found]
    assert not fresh, "not as PyTorch documents it: mend it, or see the head of signatures.txt"
    assert not gone, "mended: write signatures.txt anew (python -m tests.conformance.signatures)"


X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    "call",
    [
        lambda: (torch.swapaxes(X, axis0=0, axis1=1), X.T),
        lambda: (X.max(axis=1, keepdims=True).values, X.max(1, True).values),
        lambda: (torch.tensor_split(X, sections=2)[1], X[1:]),
        lambda: (torch.hsplit(X, indices=(1,))[1], X[:, 1:]),
        lambda: (torch.heaviside(X, values=X), torch.heaviside(X, X)),
        lambda: (torch.cat((X, X), axis=1), torch.cat((X, X), 1)),
        lambda: (torch.pow(self=2, exponent=X), 2**X),
        lambda: (torch.linalg.norm(x=X), X.norm()),
    ],
)
def test_other_names_of_arguments(call: object) -> None:
    ours, expected = call()  # type: ignore[operator]
    assert torch.equal(ours, expected)


def test_unknown_names_are_refused_under_the_public_name() -> None:
    with pytest.raises(TypeError, match=r"^max\(\) got an unexpected keyword argument 'axes'"):
        X.max(axes=0)
