"""The trainables by name; a module is imported when it is asked for."""

from importlib import import_module

from trainables.base import Trainable

MODULES = {
    "image": "trainables.image",
    "tabular": "trainables.tabular",
    "text": "trainables.text",
    "toy": "trainables.toy",
}


def get(name: str) -> Trainable:
    """The built-in trainable ``name``, or a user's ``package.module:function``.

    A module's own ``load``, ``predictor``, ``peak_bytes`` and ``OFFER`` go with its function.
    Raises ``KeyError`` for a plain name that is not in ``MODULES``, ``ImportError`` or
    ``AttributeError`` for what cannot be found.
    """
    path, _, function = name.partition(":")
    module = import_module(path if function else MODULES[name])
    return Trainable(
        train=getattr(module, function or "train"),
        load=getattr(module, "load", None),
        predictor=getattr(module, "predictor", None),
        peak_bytes=getattr(module, "peak_bytes", None),
        offer=getattr(module, "OFFER", None),
    )
