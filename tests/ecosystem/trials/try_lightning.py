"""pytorch_lightning: `Trainer.fit`, validation, checkpoints, early stopping, logged numbers, prediction."""

import logging
import tempfile
import warnings

import pytorch_lightning as lightning
import torch
from outcome import report
from pytorch_lightning.callbacks import EarlyStopping, ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset

logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
warnings.simplefilter("ignore")


class Regression(lightning.LightningModule):
    def __init__(self, width=16):
        super().__init__()
        self.save_hyperparameters()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))
        self.seen = []

    def forward(self, x):
        return self.layers(x)

    def training_step(self, batch, index):
        loss = torch.nn.functional.mse_loss(self(batch[0]), batch[1])
        self.log("loss", loss)
        self.seen.append(loss.item())
        return loss

    def validation_step(self, batch, index):
        self.log("validation", torch.nn.functional.mse_loss(self(batch[0]), batch[1]))

    def predict_step(self, batch, index):
        return self(batch[0])

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-2)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.5)]


lightning.seed_everything(0, verbose=False)
x = torch.randn(128, 4)
data = TensorDataset(x, x.sum(1, keepdim=True).sin())
model = Regression()
with tempfile.TemporaryDirectory() as folder:
    keep = ModelCheckpoint(folder, monitor="validation")
    trainer = lightning.Trainer(
        max_epochs=5,
        accelerator="cpu",
        devices=1,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        gradient_clip_val=1.0,
        callbacks=[keep, EarlyStopping("validation", patience=3)],
    )
    trainer.fit(model, DataLoader(data, 16, shuffle=True), DataLoader(data, 32))
    again = Regression.load_from_checkpoint(keep.best_model_path)
    validation = trainer.validate(model, DataLoader(data, 32), verbose=False)[0]["validation"]
    predictions = torch.cat(trainer.predict(again, DataLoader(data, 32)))
report(losses=model.seen, validation=validation, predictions=predictions[:16], best=keep.best_model_score)
