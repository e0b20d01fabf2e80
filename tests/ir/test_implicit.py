"""The slopes of gamma and beta draws, against closed forms, differences of the distribution function, and PyTorch."""

from __future__ import annotations

import numpy as np
import torch

from rushlight.ir import implicit, special

ALPHAS = np.array([0.02, 0.3, 1.0, 2.5, 12.0, 80.0, 1e4])
QUANTILES = np.array([-2.5, -1.0, -0.1, 0.4, 1.0, 3.0])


def gamma_draws() -> tuple[np.ndarray, np.ndarray]:
    """Shapes, and draws from both tails and the middle of each (Wilson and Hilferty's approximation)."""
    alpha, z = np.broadcast_arrays(ALPHAS[:, None], QUANTILES)
    cube = np.maximum(1 - 1 / (9 * alpha) + z / (3 * np.sqrt(alpha)), 0.05) ** 3
    return alpha.ravel(), (alpha * cube).ravel()


def test_gamma_slopes_keep_the_distribution_function() -> None:
    alpha, x = gamma_draws()
    step = 1e-4 * np.minimum(alpha, np.sqrt(alpha))
    moved = (special.gammainc(alpha + step, x) - special.gammainc(alpha - step, x)) / (2 * step)
    density = np.exp((alpha - 1) * np.log(x) - x - special.lgamma(alpha))
    slope = implicit._gamma_slope(alpha, x)
    np.testing.assert_allclose(slope * density, -moved, rtol=1e-5, atol=1e-9)
    assert (slope > 0).all()


def test_gamma_slopes_at_the_edges() -> None:
    # For x near 0, F = x^a / Γ(a + 1), so that the slope is x (ψ(a + 1) - log x) / a.
    alpha, x = np.array([0.01, 0.5, 3.0]), np.full(3, 1e-30)
    expected = x * (special.digamma(alpha + 1) - np.log(x)) / alpha
    np.testing.assert_allclose(implicit._gamma_slope(alpha, x), expected, rtol=1e-12)
    # For great a, a draw is a + z √a and a term of order 1.
    np.testing.assert_allclose(implicit._gamma_slope(np.array([1e8]), np.array([1e8 + 2e4])), 1 + 1e-4, rtol=1e-6)
    assert implicit._gamma_slope(np.zeros(1), np.zeros(1)) == 0.0


def test_beta_slopes_in_closed_form() -> None:
    # For β = 1 the distribution function is x^α.
    x, alpha = np.meshgrid(np.array([1e-12, 0.01, 0.3, 0.7, 0.99, 1 - 1e-9]), np.array([0.01, 0.4, 1.0, 5.0, 300.0]))
    expected = -x * np.log(x) / alpha / (1 - x)
    np.testing.assert_allclose(implicit._dirichlet_slope(x, alpha, alpha + 1), expected, rtol=1e-9)


def test_slopes_against_pytorch() -> None:
    """Whose approximations are good to three digits."""
    alpha, x = gamma_draws()
    theirs = torch._standard_gamma_grad(torch.from_numpy(alpha), torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(implicit._gamma_slope(alpha, x), theirs, rtol=2e-3)
    x, alpha, beta = (part.ravel() for part in np.meshgrid([0.02, 0.3, 0.8, 0.97], [0.3, 2.0, 40.0], [0.2, 1.5, 9.0]))
    theirs = torch._dirichlet_grad(*(torch.from_numpy(part) for part in (x, alpha, alpha + beta))).numpy()
    np.testing.assert_allclose(implicit._dirichlet_slope(x, alpha, alpha + beta), theirs, rtol=6e-3)
