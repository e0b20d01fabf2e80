"""transformers: GPT-2 and BERT from a config, trained, saved and read again (safetensors), generation greedy, sampled and by beams; Llama, T5, ViT; `Trainer` with accumulated gradients, evaluation, checkpoints and a resumed run."""

import tempfile

import torch
import transformers
from outcome import report
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
    Trainer,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
    get_cosine_schedule_with_warmup,
    get_linear_schedule_with_warmup,
)

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def train(model, schedule, steps=12, **batch):
    """The losses of some steps with clipped gradients and a schedule."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    rates = schedule(optimizer, 3, steps)
    losses = []
    model.train()
    for _ in range(steps):
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rates.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    return losses


torch.manual_seed(0)
tokens = torch.randint(1, 199, (4, 32))
mask = torch.ones(4, 32, dtype=torch.long)
mask[1, 20:] = mask[3, 9:] = 0

ends = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
gpt = GPT2LMHeadModel(GPT2Config(vocab_size=200, n_positions=64, n_embd=48, n_layer=2, n_head=4, **ends))
results = {"gpt_losses": train(gpt, get_linear_schedule_with_warmup, input_ids=tokens, labels=tokens)}
prompt = {"input_ids": tokens[:, :6], "attention_mask": mask[:, :6], "max_new_tokens": 12}
results["gpt_greedy"] = gpt.generate(**prompt, do_sample=False)
torch.manual_seed(1)
results["gpt_sampled"] = gpt.generate(**prompt, do_sample=True, top_k=30, top_p=0.95, temperature=0.9)
results["gpt_beams"] = gpt.generate(**prompt, num_beams=3)
results["gpt_no_cache"] = gpt.generate(**prompt, do_sample=False, use_cache=False, repetition_penalty=1.3)
gpt.gradient_checkpointing_enable()
results["gpt_checkpointed"] = train(gpt, get_linear_schedule_with_warmup, steps=2, input_ids=tokens, labels=tokens)

small = {
    "vocab_size": 200,
    "hidden_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 96,
}
bert = BertForSequenceClassification(BertConfig(**small, max_position_embeddings=64, num_labels=3))
batch = {"input_ids": tokens, "attention_mask": mask, "labels": torch.arange(4) % 3}
results["bert_losses"] = train(bert, get_cosine_schedule_with_warmup, **batch)
masked = BertForMaskedLM(BertConfig(**small, max_position_embeddings=64, attn_implementation="eager"))
labels = torch.where(torch.rand(4, 32) < 0.15, tokens, -100)
results["masked_losses"] = train(masked, get_linear_schedule_with_warmup, input_ids=tokens, labels=labels)
results["attentions"] = bert(**batch, output_hidden_states=True).hidden_states[-1]

for name, model in (("gpt", gpt), ("bert", bert), ("masked", masked)):
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        again = type(model).from_pretrained(folder)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    results[f"{name}_read"] = again(tokens, attention_mask=mask).logits
with tempfile.TemporaryDirectory() as folder:
    gpt.save_pretrained(folder, max_shard_size="50KB")
    results["half"] = (
        GPT2LMHeadModel.from_pretrained(folder, dtype=torch.bfloat16)(tokens)
        .logits.float()
        .mean((0, 1))[:8]
        .round(decimals=1)
    )

llama = LlamaForCausalLM(LlamaConfig(**small, num_key_value_heads=2, **ends))
results["llama_losses"] = train(
    llama, get_linear_schedule_with_warmup, input_ids=tokens, attention_mask=mask, labels=tokens
)
results["llama_greedy"] = llama.generate(**prompt, do_sample=False)
t5 = T5ForConditionalGeneration(
    T5Config(vocab_size=200, d_model=48, d_kv=12, d_ff=96, num_layers=2, num_heads=4, decoder_start_token_id=0)
)
results["t5_losses"] = train(
    t5, get_linear_schedule_with_warmup, input_ids=tokens, attention_mask=mask, labels=tokens[:, :10].contiguous()
)
results["t5_greedy"] = t5.generate(input_ids=tokens, attention_mask=mask, max_new_tokens=8)
vit = ViTForImageClassification(
    ViTConfig(
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        image_size=32,
        patch_size=8,
        num_labels=5,
    )
)
results["vit_losses"] = train(
    vit, get_linear_schedule_with_warmup, pixel_values=torch.randn(4, 3, 32, 32), labels=torch.arange(4)
)


class Sentences(torch.utils.data.Dataset):
    """Tokens with labels."""

    def __len__(self):
        return 24

    def __getitem__(self, place):
        ids = (torch.arange(16) * (place + 3) + 1) % 199
        return {"input_ids": ids, "attention_mask": torch.ones(16, dtype=torch.long), "labels": place % 3}


with tempfile.TemporaryDirectory() as folder:
    settings = TrainingArguments(
        folder,
        num_train_epochs=2,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=2,
        learning_rate=1e-3,
        warmup_steps=2,
        logging_steps=1,
        eval_strategy="epoch",
        save_strategy="epoch",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        seed=3,
    )
    trainer = Trainer(
        bert,
        settings,
        train_dataset=Sentences(),
        eval_dataset=Sentences(),
        compute_metrics=lambda outcome: {"right": float((outcome.predictions.argmax(-1) == outcome.label_ids).mean())},
    )
    trainer.train()
    history = trainer.state.log_history
    results["trainer"] = [[line[key] for key in ("loss", "eval_loss", "eval_right") if key in line] for line in history]
    resumed = Trainer(bert, settings, train_dataset=Sentences(), eval_dataset=Sentences())
    resumed.train(resume_from_checkpoint=True)
    results["predictions"] = torch.as_tensor(resumed.predict(Sentences()).predictions)
report(**results)
