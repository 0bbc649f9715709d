"""Small repositories in the Hub's layout: Parquet files and a card that names them."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

CARD = """---
configs:
- config_name: plain_text
  data_files:
{files}
---
"""
Column = Sequence[object]


def write_repository(folder: Path, splits: Mapping[str, Mapping[str, Column]]) -> Path:
    """One Parquet file per split and the card; what was there is replaced."""
    (folder / "plain_text").mkdir(parents=True, exist_ok=True)
    for split, columns in splits.items():
        pq.write_table(pa.table(dict(columns)), folder / _name(split))
    files = [f"  - split: {split}\n    path: {_name(split)}" for split in splits]
    (folder / "README.md").write_text(CARD.format(files="\n".join(files)))
    return folder


def _name(split: str) -> str:
    return f"plain_text/{split}-00000-of-00001.parquet"


def encoded(pixels: NDArray[np.uint8], kind: str = "PNG") -> dict[str, object]:
    """An image as the Hub's Image columns hold it."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return {"bytes": buffer.getvalue(), "path": None}


def pictures(count: int, classes: int, seed: int = 0) -> dict[str, Column]:
    """Random 32 px images, coloured by class, as columns ``img`` and ``label``."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    images = rng.integers(0, 128, (count, 32, 32, 3), np.uint8)
    images[..., 0] += (labels * (127 // classes)).astype(np.uint8)[:, None, None]
    return {"img": [encoded(image) for image in images], "label": labels.tolist()}
