"""skorch: a classifier in scikit-learn's pipeline and grid search, early stopping, parameters saved and read."""

import tempfile
from pathlib import Path

import numpy as np
import torch
from outcome import report
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import EarlyStopping, EpochScoring


class Network(torch.nn.Module):
    def __init__(self, hidden=16, outputs=2):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(12, hidden), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(hidden, outputs)
        )

    def forward(self, x):
        return self.layers(x)


x, y = make_classification(400, 12, n_informative=6, random_state=0)
x, y = x.astype(np.float32), y.astype(np.int64)
torch.manual_seed(0)
net = NeuralNetClassifier(
    Network,
    criterion=torch.nn.CrossEntropyLoss,
    max_epochs=8,
    lr=0.1,
    verbose=0,
    callbacks=[EarlyStopping(patience=5), EpochScoring("roc_auc", lower_is_better=False)],
)
pipeline = Pipeline([("scale", StandardScaler()), ("net", net)]).fit(x, y)
history = pipeline["net"].history
with tempfile.TemporaryDirectory() as folder:
    file = Path(folder) / "parameters.pt"
    pipeline["net"].save_params(f_params=file)
    other = NeuralNetClassifier(Network, criterion=torch.nn.CrossEntropyLoss).initialize()
    other.load_params(f_params=file)
torch.manual_seed(1)
search = GridSearchCV(
    NeuralNetClassifier(Network, criterion=torch.nn.CrossEntropyLoss, max_epochs=3, verbose=0, train_split=None),
    {"lr": [0.01, 0.1], "module__hidden": [8, 16]},
    cv=3,
    scoring="accuracy",
).fit(x, y)
torch.manual_seed(2)
regression = NeuralNetRegressor(Network, module__outputs=1, max_epochs=4, verbose=0, optimizer=torch.optim.Adam)
regression.fit(x, x[:, :1] * 2)
report(
    losses=[[epoch["train_loss"], epoch["valid_loss"], epoch["valid_acc"], epoch["roc_auc"]] for epoch in history],
    probabilities=torch.as_tensor(pipeline.predict_proba(x[:8])),
    read=torch.as_tensor(other.predict_proba(StandardScaler().fit(x).transform(x[:8]).astype(np.float32))),
    search=list(search.cv_results_["mean_test_score"]),
    regression=regression.history[:, "train_loss"],
)
