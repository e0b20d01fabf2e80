"""gpytorch: exact regression with kernels in sums and products, a prior, predictions and samples; variational regression and classification, several outputs, deep kernels, conjugate gradients."""

import math
import warnings

import gpytorch
import torch
from gpytorch import kernels, means
from outcome import report

warnings.simplefilter("ignore")
results = {}
torch.manual_seed(0)
x = torch.linspace(0, 1, 40)
y = torch.sin(x * 2 * math.pi) + 0.1 * torch.randn(40)
test_x = torch.linspace(0, 1.2, 25)


class Exact(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood, kernel, network=None):
        super().__init__(x, y, likelihood)
        self.mean_module, self.covar_module, self.network = means.ConstantMean(), kernel, network

    def forward(self, x):
        x = x if self.network is None else self.network(x)
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


def learn(model, likelihood, objective, inputs, targets, steps=12, rate=0.1):
    model.train()
    likelihood.train()
    parameters = {id(p): p for p in [*model.parameters(), *likelihood.parameters()]}
    optimizer = torch.optim.Adam(parameters.values(), lr=rate)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = -objective(model(inputs), targets)
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    model.eval()
    likelihood.eval()
    return losses


KERNELS = {
    "rbf": lambda: kernels.ScaleKernel(kernels.RBFKernel(lengthscale_prior=gpytorch.priors.GammaPrior(3.0, 6.0))),
    "matern": lambda: kernels.ScaleKernel(kernels.MaternKernel(nu=2.5)),
    "sum": lambda: kernels.ScaleKernel(kernels.PeriodicKernel()) + kernels.LinearKernel(),
    "product": lambda: kernels.ScaleKernel(kernels.RQKernel() * kernels.RBFKernel()),
    "spectral": lambda: kernels.SpectralMixtureKernel(num_mixtures=3),
}
for name, kernel in KERNELS.items():
    torch.manual_seed(1)
    likelihood = gpytorch.likelihoods.GaussianLikelihood(noise_constraint=gpytorch.constraints.GreaterThan(1e-3))
    model = Exact(x, y, likelihood, kernel())
    if name == "spectral":
        model.covar_module.initialize_from_data(x, y)
    objective = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
    results[name] = learn(model, likelihood, objective, x, y)
    with torch.no_grad(), gpytorch.settings.fast_pred_var():
        predicted = likelihood(model(test_x))
        results[f"{name}_mean"] = predicted.mean
        results[f"{name}_bounds"] = list(predicted.confidence_region())
    if name == "rbf":
        torch.manual_seed(2)
        results["samples"] = model(test_x[:6]).rsample(torch.Size([3])).mean(0)
        results["log_probability"] = predicted.log_prob(torch.sin(test_x))
        fresh = model.get_fantasy_model(torch.tensor([1.1]), torch.tensor([0.5]))
        results["fantasy"] = fresh(test_x).mean

torch.manual_seed(3)
network = torch.nn.Sequential(torch.nn.Linear(1, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
likelihood = gpytorch.likelihoods.GaussianLikelihood()
model = Exact(x, y, likelihood, kernels.ScaleKernel(kernels.RBFKernel(ard_num_dims=2)), network)
results["deep"] = learn(model, likelihood, gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model), x, y)

with (
    gpytorch.settings.max_cholesky_size(5),
    gpytorch.settings.num_trace_samples(20),
    gpytorch.settings.cg_tolerance(1e-4),
):
    torch.manual_seed(4)
    likelihood = gpytorch.likelihoods.GaussianLikelihood()
    model = Exact(x, y, likelihood, kernels.ScaleKernel(kernels.RBFKernel()))
    results["gradients"] = learn(
        model, likelihood, gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model), x, y, 5
    )


class Variational(gpytorch.models.ApproximateGP):
    def __init__(self, points, tasks=None):
        batch = torch.Size([tasks]) if tasks else torch.Size([])
        distribution = gpytorch.variational.CholeskyVariationalDistribution(points.size(-2), batch_shape=batch)
        strategy = gpytorch.variational.VariationalStrategy(self, points, distribution, learn_inducing_locations=True)
        if tasks:
            strategy = gpytorch.variational.IndependentMultitaskVariationalStrategy(strategy, num_tasks=tasks)
        super().__init__(strategy)
        self.mean_module = means.ConstantMean(batch_shape=batch)
        self.covar_module = kernels.ScaleKernel(kernels.RBFKernel(batch_shape=batch), batch_shape=batch)

    def forward(self, x):
        return gpytorch.distributions.MultivariateNormal(self.mean_module(x), self.covar_module(x))


# These are ill-conditioned: in single precision, small means differ from PyTorch by more than a thousandth.
torch.set_default_dtype(torch.float64)
x, y, test_x = x.double(), y.double(), test_x.double()
inputs = x.unsqueeze(-1)
for name, likelihood, targets in (
    ("variational", gpytorch.likelihoods.GaussianLikelihood(), y),
    ("classes", gpytorch.likelihoods.BernoulliLikelihood(), (y > 0).float()),
):
    torch.manual_seed(5)
    model = Variational(torch.linspace(0, 1, 8).unsqueeze(-1))
    objective = gpytorch.mlls.VariationalELBO(likelihood, model, num_data=40)
    results[name] = learn(model, likelihood, objective, inputs, targets)
    with torch.no_grad():
        results[f"{name}_mean"] = likelihood(model(test_x.unsqueeze(-1))).mean
torch.manual_seed(6)
targets = torch.stack([y, torch.cos(x * 4)], 1)
likelihood = gpytorch.likelihoods.MultitaskGaussianLikelihood(num_tasks=2)
model = Variational(torch.linspace(0, 1, 6).reshape(1, 6, 1).repeat(2, 1, 1), 2)
results["tasks"] = learn(
    model, likelihood, gpytorch.mlls.VariationalELBO(likelihood, model, num_data=40), inputs, targets
)
report(**results)
