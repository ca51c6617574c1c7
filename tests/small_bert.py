"""A text tower of a few thousand random weights that knows some words: for tests that tune one."""

from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from made_up_feed import KINDS, WORDS
from marketrank.models.artefact import Source
from marketrank.models.pretrained import TextTower, mean_of_tokens

DIM = 32
_KNOWN = {word for titles, _, _ in KINDS.values() for title in titles for word in title.split()}
VOCABULARY = {word: at for at, word in enumerate(["[PAD]", "[UNK]", *sorted({*_KNOWN, *WORDS})])}


def small_bert() -> TextTower:
    """Stands in for `pretrained.minilm`; the same weights each time."""
    from transformers import BertConfig, BertModel

    config = BertConfig(**_SIZES, attn_implementation="eager")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return _tower(BertModel(config, add_pooling_layer=False), pad_id=0)


def small_mpnet(tokens: int = len(VOCABULARY)) -> TextTower:
    """Stands in for `mpnet.mpnet`; the same weights each time. Its padding is token 0 too, whose
    place decides the places of all others. `tokens` are as many as have an embedding."""
    from transformers import MPNetConfig, MPNetModel

    config = MPNetConfig(**{**_SIZES, "vocab_size": tokens}, pad_token_id=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return _tower(MPNetModel(config, add_pooling_layer=False), pad_id=0)


_SIZES: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": DIM,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}


def _tower(bert: Any, *, pad_id: int) -> TextTower:
    tokenizer = Tokenizer(WordLevel(VOCABULARY, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return TextTower(
        name="small",
        module=mean_of_tokens(bert),
        tokenizer=tokenizer.to_str().encode(),
        dim=DIM,
        pad_id=pad_id,
        source=Source("random", "0" * 64, "none"),
    )
