"""A kept model as MLflow loads and serves it: by the name of this module, without any pickle.

MLflow calls ``_load_pyfunc`` and then ``predict``; nothing here needs MLflow itself.
"""

import json
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables import MODULES
from trainables.base import EXAMPLE_FILE

TRAINABLE = "trainable"


class Served:
    """The model that the trainable ``trainable`` kept in a folder.

    Raises ``KeyError`` for a trainable that is not built in: a stored name runs no code of others.
    """

    def __init__(self, folder: Path, trainable: str) -> None:
        self._takes_texts = _is_texts(_stored_example(folder))
        self._predict = import_module(MODULES[trainable]).predictor(folder)

    def predict(self, data: Any) -> NDArray[Any]:
        """Probabilities (n, classes) or numbers (n,), whatever MLflow made of the request."""
        if self._takes_texts:
            data = np.asarray(data).ravel().tolist()
        answers: NDArray[Any] = self._predict(data)
        return answers


def example(folder: Path) -> Any:
    """A few inputs of a kept model as MLflow takes them: a DataFrame, texts, or uint8 images.

    None if the trainable left none.
    """
    stored = _stored_example(folder)
    if isinstance(stored, Mapping):
        import pandas

        return pandas.DataFrame(stored["data"], columns=stored["columns"])
    if stored is None or _is_texts(stored):
        return stored
    return np.asarray(stored, np.uint8)


def _stored_example(folder: Path) -> Any:
    file = folder / EXAMPLE_FILE
    return json.loads(file.read_text()) if file.is_file() else None


def _is_texts(stored: Any) -> bool:
    return isinstance(stored, list) and all(isinstance(item, str) for item in stored)


def _load_pyfunc(path: str, model_config: Mapping[str, Any]) -> Served:
    """The name that MLflow looks for."""
    return Served(Path(path), model_config[TRAINABLE])
