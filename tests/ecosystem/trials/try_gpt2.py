"""transformers, GPT-2: loss and gradients of a batch, training steps, generation with a cache, weights saved and read."""

import tempfile

import torch
from outcome import report
from transformers import GPT2Config, GPT2LMHeadModel

torch.manual_seed(0)
config = GPT2Config(vocab_size=200, n_positions=64, n_embd=64, n_layer=3, n_head=4, bos_token_id=0, eos_token_id=1)
model = GPT2LMHeadModel(config)
tokens = torch.randint(2, 200, (4, 32))
mask = torch.ones_like(tokens)
mask[1, :5] = 0
model.eval()
first = model(tokens, attention_mask=mask, labels=tokens)
first.loss.backward()
gradients = {name: parameter.grad.norm() for name, parameter in model.named_parameters()}
model.train()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
losses = []
for _ in range(15):
    optimizer.zero_grad()
    loss = model(tokens, attention_mask=mask, labels=tokens).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    losses.append(loss.item())
model.eval()
greedy = model.generate(tokens[:2, :8], max_new_tokens=12, do_sample=False, pad_token_id=1)
torch.manual_seed(1)
sampled = model.generate(tokens[:2, :8], max_new_tokens=12, do_sample=True, top_k=20, top_p=0.9, pad_token_id=1)
beams = model.generate(tokens[:1, :8], max_new_tokens=8, num_beams=3, do_sample=False, pad_token_id=1)
with tempfile.TemporaryDirectory() as folder:
    model.save_pretrained(folder)
    again = GPT2LMHeadModel.from_pretrained(folder).eval()
with torch.no_grad():
    read = again(tokens).logits
    kept = model(tokens).logits
report(
    loss=first.loss,
    logits=first.logits[:, -1],
    gradients=gradients,
    losses=losses,
    greedy=greedy,
    sampled=sampled,
    beams=beams,
    read=read[:, -1],
    same=[float(torch.equal(read, kept))],
)
