"""A text tower of a few thousand random weights that knows some words: for tests that tune one."""

from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from made_up_feed import KINDS, WORDS
from marketrank.models.artefact import Source
from marketrank.models.pretrained import TextTower

DIM = 32
_KNOWN = {word for titles, _, _ in KINDS.values() for title in titles for word in title.split()}
VOCABULARY = {word: at for at, word in enumerate(["[PAD]", "[UNK]", *sorted({*_KNOWN, *WORDS})])}


def small_bert() -> TextTower:
    """Stands in for `pretrained.minilm`; the same weights each time."""
    from transformers import BertConfig, BertModel

    class Tower(torch.nn.Module):
        """Without a forward: whoever tunes it takes its `bert`."""

        def __init__(self, bert: Any) -> None:
            super().__init__()
            self.bert = bert

    config = BertConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=DIM,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        attn_implementation="eager",
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        bert = BertModel(config, add_pooling_layer=False)
    tokenizer = Tokenizer(WordLevel(VOCABULARY, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    return TextTower(
        name="small",
        module=Tower(bert).eval(),
        tokenizer=tokenizer.to_str().encode(),
        dim=DIM,
        pad_id=0,
        source=Source("random", "0" * 64, "none"),
    )
