"""A network that classifies texts: packs their tokens, computes, and is kept in a folder.

The folder holds what transformers reads by itself (``config.json``, ``model.safetensors``,
``tokenizer.json``), BERT's ``vocab.txt``, and in ``classifier.json`` the maximum length.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import AutoModelForSequenceClassification, BertTokenizer, PreTrainedModel

from trainables import encoders
from trainables.data.sequences import by_length, pack
from trainables.data.split import Rows
from trainables.data.tokens import Tokens, Vocabulary, tokenize

MEASURED_TOKENS = {"cpu": 4_096, "cuda": 65_536}
"""How many tokens a batch holds that nothing is learned from."""

RECORD = "classifier.json"
VOCABULARY = "vocab.txt"


@dataclass
class Classifier:
    """``network`` on ``device`` (``cpu`` or ``cuda``), for texts of up to ``max_length`` tokens.

    ``classes`` are the names of what it tells apart.
    """

    network: PreTrainedModel
    classes: Sequence[str]
    vocabulary: Vocabulary
    max_length: int
    device: str

    def logits(self, tokens: Tokens, rows: Rows) -> Tensor:
        """(texts, classes) in float32, computed in bfloat16 on a GPU."""
        inputs = encoders.Inputs.of(
            pack(tokens, rows, self.max_length, self.vocabulary), self.device
        )
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device == "cuda"):
            return encoders.logits(self.network, inputs).float()

    @torch.inference_mode()
    def predict(self, tokens: Tokens) -> Iterator[tuple[Rows, Tensor]]:
        """The logits of all texts, batch by batch, with the rows that each is of."""
        self.network.train(False)
        for part in by_length(tokens, self.max_length, MEASURED_TOKENS[self.device]):
            yield part, self.logits(tokens, part)

    def probabilities(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(texts, classes)."""
        found = np.empty((len(texts), len(self.classes)), np.float32)
        tokens = tokenize(texts, self.vocabulary)
        for rows, logits in self.predict(tokens):
            found[rows] = logits.softmax(1).cpu().numpy()
        return found

    def save(self, folder: Path) -> None:
        """Write all that ``load`` needs into the folder."""
        config = self.network.config
        config.id2label = dict(enumerate(self.classes))
        config.label2id = {name: number for number, name in enumerate(self.classes)}
        self.network.save_pretrained(folder)
        BertTokenizer(
            vocab=dict(self.vocabulary.numbers), model_max_length=self.max_length
        ).save_pretrained(folder)
        (folder / VOCABULARY).write_text("\n".join(self.vocabulary.pieces) + "\n", "utf-8")
        record = {"max_length": self.max_length, "classes": list(self.classes)}
        (folder / RECORD).write_text(json.dumps(record))

    @classmethod
    def load(cls, folder: Path) -> "Classifier":
        """Read a folder that ``save`` wrote, onto the GPU if there is one."""
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = AutoModelForSequenceClassification.from_pretrained(
            folder, attn_implementation=encoders.ATTENTION
        )
        record = json.loads((folder / RECORD).read_text())
        vocabulary = Vocabulary.read(folder / VOCABULARY)
        return cls(network.to(device), record["classes"], vocabulary, record["max_length"], device)
