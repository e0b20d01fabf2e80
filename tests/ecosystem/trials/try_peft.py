"""peft: LoRA, DoRA and IA3 adapters of GPT-2, trained, saved, read, merged; prompt tuning."""

import tempfile

import torch
import transformers
from outcome import report
from peft import IA3Config, LoraConfig, PeftModel, PromptTuningConfig, TaskType, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def base():
    torch.manual_seed(0)
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=120, n_positions=32, n_embd=32, n_layer=2, n_head=4, bos_token_id=0, eos_token_id=0)
    )


CONFIGURATIONS = {
    "lora": LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, lora_alpha=8, target_modules=["c_attn"], fan_in_fan_out=True),
    "dora": LoraConfig(r=4, use_dora=True, target_modules=["c_attn"], fan_in_fan_out=True),
    "ia3": IA3Config(target_modules=["c_attn", "mlp.c_proj"], feedforward_modules=["mlp.c_proj"], fan_in_fan_out=True),
    "prompt": PromptTuningConfig(task_type=TaskType.CAUSAL_LM, num_virtual_tokens=4),
}
tokens = torch.randint(1, 120, (4, 16), generator=torch.Generator().manual_seed(0))
results = {}
for name, configuration in CONFIGURATIONS.items():
    torch.manual_seed(1)
    model = get_peft_model(base(), configuration)
    results[f"{name}_counts"] = list(model.get_nb_trainable_parameters())
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    losses = []
    for _ in range(6):
        loss = model(input_ids=tokens, labels=tokens).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    results[f"{name}_losses"] = losses
    model.eval()
    logits = model(input_ids=tokens).logits.detach()
    results[name] = logits[:, -1]
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        again = PeftModel.from_pretrained(base(), folder).eval()
    results[f"{name}_read"] = again(input_ids=tokens).logits[:, -1]
    if name in ("lora", "dora"):
        results[f"{name}_merged"] = model.merge_and_unload()(input_ids=tokens).logits[:, -1]
report(**results)
