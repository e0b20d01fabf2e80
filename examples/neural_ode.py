"""A neural ordinary differential equation (Chen et al. 2018) learns how a point moves along a spiral.

The gradient comes from the adjoint equation (appendix B), so no step of the solver is kept; or, with --through-solver, through the steps.
"""

import argparse

import torch
from torch import nn


def runge_kutta(function, state, times):
    """The states at all times, by the classical method of order four; `state` is a tuple of tensors."""
    states = [state]
    for start, end in zip(times[:-1], times[1:], strict=True):
        h = end - start
        k1 = function(start, state)
        k2 = function(start + h / 2, tuple(y + h / 2 * k for y, k in zip(state, k1, strict=True)))
        k3 = function(start + h / 2, tuple(y + h / 2 * k for y, k in zip(state, k2, strict=True)))
        k4 = function(end, tuple(y + h * k for y, k in zip(state, k3, strict=True)))
        state = tuple(y + h / 6 * (a + 2 * b + 2 * c + d) for y, a, b, c, d in zip(state, k1, k2, k3, k4, strict=True))
        states.append(state)
    return states


def solve(function, y, times):
    return torch.stack([state[0] for state in runge_kutta(lambda t, s: (function(t, s[0]),), (y,), times)])


class Adjoint(torch.autograd.Function):
    """The solution at all times; backward solves for the state, its gradient and the weights' gradients, back in time."""

    @staticmethod
    def forward(ctx, function, times, y, *parameters):
        with torch.no_grad():
            solution = solve(function, y, times)
        ctx.function = function
        ctx.save_for_backward(times, solution)
        return solution

    @staticmethod
    def backward(ctx, gradient):
        times, solution = ctx.saved_tensors
        parameters = tuple(ctx.function.parameters())

        def dynamics(t, state):
            with torch.enable_grad():
                y = state[0].detach().requires_grad_()
                f = ctx.function(t, y)
                dy, *dp = torch.autograd.grad(f, (y, *parameters), -state[1], allow_unused=True)
            return (
                f.detach(),
                dy,
                *(torch.zeros_like(p) if d is None else d for p, d in zip(parameters, dp, strict=True)),
            )

        adjoint, weights = torch.zeros_like(solution[0]), [torch.zeros_like(p) for p in parameters]
        for i in range(len(times) - 1, 0, -1):
            state = (solution[i], adjoint + gradient[i], *weights)
            _, adjoint, *weights = runge_kutta(dynamics, state, times[i - 1 : i + 1].flip(0))[-1]
        return None, None, adjoint + gradient[0], *weights


class Field(nn.Module):
    """The velocity at a place."""

    def __init__(self, hidden):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, hidden), nn.Tanh(), nn.Linear(hidden, 2))
        for layer in self.net[::2]:
            nn.init.normal_(layer.weight, std=0.1)
            nn.init.zeros_(layer.bias)

    def forward(self, t, y):
        return self.net(y**3)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--points", type=int, default=1000, help="of the spiral")
    parser.add_argument("--length", type=int, default=10, help="points of a piece to learn from")
    parser.add_argument("--batch-size", type=int, default=20)
    parser.add_argument("--hidden", type=int, default=50)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--through-solver", action="store_true", help="gradients through the solver's steps")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", default="neural_ode.pt")
    args = parser.parse_args(arguments)

    torch.manual_seed(args.seed)
    times = torch.linspace(0.0, 25.0, args.points)
    matrix = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
    start = torch.tensor([[2.0, 0.0]])
    with torch.no_grad():
        truth = solve(lambda t, y: y**3 @ matrix, start, times)
    field = Field(args.hidden)
    optimizer = torch.optim.RMSprop(field.parameters(), lr=args.lr)
    losses = []
    for step in range(1, args.steps + 1):
        begins = torch.randperm(args.points - args.length)[: args.batch_size]
        pieces = truth[begins[None, :] + torch.arange(args.length)[:, None], 0]
        if args.through_solver:
            found = solve(field, pieces[0], times[: args.length])
        else:
            found = Adjoint.apply(field, times[: args.length], pieces[0], *field.parameters())
        loss = (found - pieces).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % 100 == 0 or step == args.steps:
            with torch.no_grad():
                error = (solve(field, start, times) - truth).abs().mean().item()
            print(f"step {step}  loss {losses[-1]:.5f}  error of the whole spiral {error:.4f}")
    torch.save(field.state_dict(), args.save)
    return losses


if __name__ == "__main__":
    main()
