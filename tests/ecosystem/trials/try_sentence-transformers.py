"""sentence-transformers: an embedding model of a small BERT with its own tokenizer, trained with three of its losses, encoding, similarity, search, clusters, saved and read; a cross encoder."""

import logging
import tempfile
import warnings
from pathlib import Path

import torch
import transformers
from outcome import report
from sentence_transformers import CrossEncoder, InputExample, SentenceTransformer, losses, models, util
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing
from torch.utils.data import DataLoader

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)
transformers.logging.disable_progress_bar()
WORDS = "the a cat dog bird sleeps runs sings on under mat tree house quickly slowly old young and not".split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
SENTENCES = [
    "the old cat sleeps on the mat",
    "a young dog runs under the tree",
    "the bird sings and the cat runs",
    "a dog sleeps",
    "the house and the tree",
    "a bird not under a house sings slowly",
]
results = {}


def base(folder):
    """A small BERT and a tokenizer of words, as files."""
    words = Tokenizer(WordLevel({word: place for place, word in enumerate([*SPECIAL, *WORDS])}, "[UNK]"))
    words.pre_tokenizer = Whitespace()
    words.post_processor = TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "mask_token": "[MASK]",
    }
    transformers.PreTrainedTokenizerFast(tokenizer_object=words, **names).save_pretrained(folder)
    configuration = transformers.BertConfig(
        vocab_size=len(SPECIAL) + len(WORDS),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
    )
    torch.manual_seed(0)
    transformers.BertModel(configuration).save_pretrained(folder)
    return folder


with tempfile.TemporaryDirectory() as folder:
    start = base(f"{folder}/base")
    transformer = models.Transformer(start, max_seq_length=16)
    torch.manual_seed(1)
    pooling = models.Pooling(32, pooling_mode="mean")
    model = SentenceTransformer(modules=[transformer, pooling, models.Dense(32, 16), models.Normalize()], device="cpu")
    results["before"] = torch.as_tensor(model.encode(SENTENCES))
    pairs = [InputExample(texts=[SENTENCES[i], SENTENCES[(i + 1) % 6]], label=float(i % 2)) for i in range(6)]
    for name, loss in {
        "ranking": losses.MultipleNegativesRankingLoss(model),
        "cosine": losses.CosineSimilarityLoss(model),
        "contrastive": losses.ContrastiveLoss(model),
    }.items():
        optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
        torch.manual_seed(2)
        found = []
        model.train()
        for features, labels in DataLoader(pairs, batch_size=3, collate_fn=model.smart_batching_collate):
            value = loss(features, labels)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            found.append(value.item())
        results[name] = found
    model.eval()
    embedded = model.encode(SENTENCES, convert_to_tensor=True, batch_size=4)
    results["after"] = embedded
    results["similarity"] = [model.similarity(embedded, embedded), util.pytorch_cos_sim(embedded, embedded)]
    hits = util.semantic_search(embedded[:2], embedded, top_k=3)
    results["search"] = [[hit["corpus_id"], hit["score"]] for each in hits for hit in each]
    results["clusters"] = [
        sorted(each) for each in util.community_detection(embedded, threshold=0.5, min_community_size=1)
    ]
    results["mined"] = util.paraphrase_mining(model, SENTENCES)[:4]
    model.save(f"{folder}/saved")
    results["read"] = torch.as_tensor(SentenceTransformer(f"{folder}/saved", device="cpu").encode(SENTENCES))
    results["files"] = [len(list(Path(f"{folder}/saved").glob("*.safetensors")))]
    torch.manual_seed(3)
    cross = CrossEncoder(start, num_labels=1, max_length=24, device="cpu")
    results["cross"] = torch.as_tensor(cross.predict([(SENTENCES[0], other) for other in SENTENCES]))
    ranks = cross.rank(SENTENCES[1], SENTENCES)
    results["ranks"] = [[rank["corpus_id"], rank["score"]] for rank in ranks]
report(**results)
