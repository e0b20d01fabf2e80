"""pytorch-lightning: a classifier in `Trainer` with validation, logging, early stopping, checkpoints, a resumed run, accumulated gradients, clipping, averaged weights, pruning, bfloat16, two optimizers by hand, `Fabric`."""

import csv
import logging
import tempfile
import warnings
from pathlib import Path

import pytorch_lightning as lightning
import torch
from lightning_fabric import Fabric
from outcome import report
from pytorch_lightning import callbacks
from pytorch_lightning.loggers import CSVLogger
from torch.utils.data import DataLoader, TensorDataset, random_split
from torchmetrics.classification import MulticlassAccuracy

warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
results = {}


class Data(lightning.LightningDataModule):
    def __init__(self, batch_size=16):
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage):
        generator = torch.Generator().manual_seed(7)
        inputs = torch.randn(160, 12, generator=generator)
        targets = (inputs[:, :3].sum(1) > 0).long() + (inputs[:, 3] > 0.5).long()
        whole = TensorDataset(inputs, targets)
        self.training, self.validation = random_split(whole, [128, 32], generator=generator)

    def train_dataloader(self):
        return DataLoader(self.training, batch_size=self.hparams.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.validation, batch_size=16)

    test_dataloader = predict_dataloader = val_dataloader


class Classifier(lightning.LightningModule):
    def __init__(self, hidden=24, rate=0.02):
        super().__init__()
        self.save_hyperparameters()
        self.example_input_array = torch.zeros(2, 12)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(12, hidden, bias=False),
            torch.nn.BatchNorm1d(hidden),
            torch.nn.ReLU(),
            torch.nn.Dropout(0.1),
            torch.nn.Linear(hidden, 3),
        )
        self.accuracy = MulticlassAccuracy(3)
        self.losses = []

    def forward(self, x):
        return self.layers(x)

    def training_step(self, batch, index):
        loss = torch.nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=True, on_epoch=True)
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch, index):
        scores = self(batch[0])
        self.accuracy(scores, batch[1])
        self.log("accuracy", self.accuracy, on_epoch=True)
        self.log("val_loss", torch.nn.functional.cross_entropy(scores, batch[1]), prog_bar=True)

    test_step = validation_step

    def predict_step(self, batch, index):
        return self(batch[0]).softmax(1)

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.hparams.rate)
        return [optimizer], [
            {"scheduler": torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=60), "interval": "step"}
        ]


def trainer(folder, **options):
    options = {"max_epochs": 3, "enable_progress_bar": False, "logger": False, "enable_checkpointing": False, **options}
    return lightning.Trainer(accelerator="cpu", devices=1, default_root_dir=folder, **options)


with tempfile.TemporaryDirectory() as folder:
    lightning.seed_everything(0, verbose=False)
    model, data = Classifier(), Data()
    keeper = callbacks.ModelCheckpoint(folder, "best", monitor="val_loss", save_last=True)
    fit = trainer(
        folder,
        logger=CSVLogger(folder, "log"),
        enable_checkpointing=True,
        log_every_n_steps=2,
        gradient_clip_val=0.5,
        callbacks=[
            keeper,
            callbacks.LearningRateMonitor(),
            callbacks.EarlyStopping("val_loss", patience=5),
            callbacks.Timer(),
        ],
    )
    fit.fit(model, data)
    results["losses"] = model.losses
    results["metrics"] = {name: float(value) for name, value in fit.callback_metrics.items()}
    fit.logger.save()
    with open(Path(fit.logger.log_dir) / "metrics.csv", encoding="utf-8") as file:
        results["logged"] = [float(row["loss_step"]) for row in csv.DictReader(file) if row.get("loss_step")]
    results["best"] = keeper.best_model_score
    results["tested"] = {name: value for name, value in fit.test(model, data, verbose=False)[0].items()}
    results["predicted"] = torch.cat(fit.predict(model, data))
    read = Classifier.load_from_checkpoint(keeper.best_model_path, weights_only=False)
    results["read"] = [p.double().norm() for p in read.parameters()]
    resumed = Classifier()
    trainer(folder, max_epochs=5).fit(resumed, data, ckpt_path=keeper.last_model_path, weights_only=False)
    results["resumed"] = resumed.losses

    summary = lightning.utilities.model_summary.ModelSummary(model, max_depth=-1)
    results["summary"] = [summary.total_parameters, summary.total_flops, *summary.param_nums]
    for name, options in {
        "accumulated": {"accumulate_grad_batches": 3, "gradient_clip_val": 0.1, "gradient_clip_algorithm": "value"},
        "averaged": {"callbacks": [callbacks.StochasticWeightAveraging(0.01, swa_epoch_start=1)]},
        "pruned": {"callbacks": [callbacks.ModelPruning("l1_unstructured", amount=0.3)]},
        "bfloat16": {"precision": "bf16-mixed", "max_epochs": 1},
        "anomalies": {"detect_anomaly": True, "max_steps": 4, "overfit_batches": 2},
        "quick": {"fast_dev_run": 2},
    }.items():
        lightning.seed_everything(1, verbose=False)
        other = Classifier()
        trainer(folder, **options).fit(other, data)
        results[name] = other.losses
        results[f"{name}_parameters"] = [p.detach().double().norm() for p in other.parameters()]


class Adversaries(lightning.LightningModule):
    """Two optimizers, stepped by hand."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.maker, self.critic = torch.nn.Linear(4, 12), torch.nn.Linear(12, 1)
        self.losses = []

    def training_step(self, batch, index):
        to_maker, to_critic = self.optimizers()
        loss = torch.nn.functional.softplus
        self.toggle_optimizer(to_critic)
        made = self.maker(torch.randn(len(batch[0]), 4))
        judged = loss(-self.critic(batch[0])).mean() + loss(self.critic(made.detach())).mean()
        to_critic.zero_grad()
        self.manual_backward(judged)
        to_critic.step()
        self.untoggle_optimizer(to_critic)
        self.toggle_optimizer(to_maker)
        fooled = loss(-self.critic(self.maker(torch.randn(len(batch[0]), 4)))).mean()
        to_maker.zero_grad()
        self.manual_backward(fooled)
        to_maker.step()
        self.untoggle_optimizer(to_maker)
        self.losses += [judged.item(), fooled.item()]

    def configure_optimizers(self):
        return torch.optim.Adam(self.maker.parameters(), 0.01), torch.optim.SGD(self.critic.parameters(), 0.1)


lightning.seed_everything(2, verbose=False)
adversaries = Adversaries()
trainer(None, max_epochs=2).fit(adversaries, data)
results["adversaries"] = adversaries.losses

fabric = Fabric(accelerator="cpu", devices=1)
fabric.seed_everything(3, verbose=False)
network = torch.nn.Linear(12, 3)
network, optimizer = fabric.setup(network, torch.optim.SGD(network.parameters(), 0.1))
results["fabric"] = []
for inputs, targets in fabric.setup_dataloaders(data.train_dataloader()):
    optimizer.zero_grad()
    loss = torch.nn.functional.cross_entropy(network(inputs), targets)
    fabric.backward(loss)
    fabric.clip_gradients(network, optimizer, max_norm=1.0)
    optimizer.step()
    results["fabric"].append(loss.item())
report(**results)
