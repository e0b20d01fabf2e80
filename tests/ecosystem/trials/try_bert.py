"""transformers, BERT: a classifier and a masked language model, training steps, weights saved and read."""

import tempfile

import torch
from outcome import report
from transformers import BertConfig, BertForMaskedLM, BertForSequenceClassification

torch.manual_seed(0)
config = BertConfig(
    vocab_size=200, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=128, num_labels=3
)
model = BertForSequenceClassification(config)
tokens = torch.randint(5, 200, (6, 24))
mask = torch.ones_like(tokens)
mask[2, 16:] = 0
labels = torch.arange(6) % 3
model.eval()
first = model(tokens, attention_mask=mask, labels=labels, output_hidden_states=True)
first.loss.backward()
gradients = {name: parameter.grad.norm() for name, parameter in model.named_parameters()}
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
losses = []
for _ in range(15):
    optimizer.zero_grad()
    loss = model(tokens, attention_mask=mask, labels=labels).loss
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
model.eval()
with tempfile.TemporaryDirectory() as folder:
    model.save_pretrained(folder)
    again = BertForSequenceClassification.from_pretrained(folder).eval()
with torch.no_grad():
    read, kept = again(tokens).logits, model(tokens).logits
torch.manual_seed(1)
masked = BertForMaskedLM(config).eval()
report(
    loss=first.loss,
    hidden=[states.mean((0, 2)) for states in first.hidden_states],
    gradients=gradients,
    losses=losses,
    read=read,
    same=[float(torch.equal(read, kept))],
    masked=masked(tokens, attention_mask=mask).logits[0, :4, :20],
)
