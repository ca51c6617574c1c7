"""A search server as one writes it in an afternoon, and as the earlier systems were written: the
model is loaded once, each query is embedded by eager torch, and a flat FAISS index is searched.

    python benchmarks/plain_handler.py FOLDER PORT

FOLDER has `listings.json` (objects), and `vectors.npy` (unit rows) of the same order.
"""

import json
import sys
from pathlib import Path
from typing import Any

# Run as a script, Python looks for modules beside it and not in the folder above.
sys.path.insert(0, str(Path(__file__).parents[1]))

import faiss
import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from tokenizers import Tokenizer

from marketrank.models.pretrained import minilm

_LONGEST = 256


def make_app(folder: Path) -> FastAPI:
    listings: list[dict[str, Any]] = json.loads((folder / "listings.json").read_text("utf-8"))
    vectors = np.load(folder / "vectors.npy")
    tower = minilm()
    tokenizer = Tokenizer.from_str(tower.tokenizer.decode())
    tokenizer.enable_truncation(_LONGEST)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    app = FastAPI()

    @app.get("/search")
    def search(q: str, k: int = 24) -> dict[str, Any]:
        encoded = tokenizer.encode(q)
        with torch.no_grad():
            query = tower.module(
                torch.tensor([encoded.ids]), torch.tensor([encoded.attention_mask])
            ).numpy()
        scores, rows = index.search(query, k)
        return {
            "results": [
                {**listings[row], "score": float(score)}
                for row, score in zip(rows[0], scores[0], strict=True)
            ]
        }

    return app


if __name__ == "__main__":
    uvicorn.run(make_app(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="warning")
