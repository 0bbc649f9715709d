"""Which of somebody's names means ours: spelling, prefixes and well-known other names aside."""

import re
from collections.abc import Callable, Iterable, Sequence

from tuner.errors import UsageError

ALIASES = (
    ("learningrate", "lr", "eta", "shrinkage", "shrinkagerate", "initlr", "baselr"),
    ("nestimators", "numboostround", "nrounds", "numround", "numiterations", "ntrees", "numtrees"),
    ("maxdepth", "depth"),
    ("subsample", "baggingfraction", "subrow", "subsamplerate"),
    ("colsamplebytree", "featurefraction", "subfeature"),
    ("minchildweight", "minsumhessianinleaf"),
    ("numleaves", "maxleaves", "numleaf", "maxleafnodes"),
    ("regalpha", "alpha", "lambdal1"),
    ("reglambda", "lambda", "lambdal2"),
    ("gamma", "minsplitloss", "mingaintosplit"),
    ("batchsize", "bs", "trainbatchsize", "perdevicetrainbatchsize", "minibatchsize"),
    ("weightdecay", "wd"),
    ("dropout", "dropoutrate", "dropoutprob", "dropprob"),
    ("warmupsteps", "numwarmupsteps", "warmup"),
    ("maxlength", "maxseqlength", "maxsequencelength", "maxlen", "maxseqlen", "seqlen"),
    ("accuracy", "acc"),
    ("macrof1", "f1macro"),
    ("rmse", "rootmeansquarederror"),
    ("mae", "meanabsoluteerror"),
    ("auc", "rocauc", "auroc"),
    ("logloss", "crossentropy"),
)
"""Names for the same thing, as ``_bare`` leaves them."""
CANONICAL = {name: group[0] for group in ALIASES for name in group}

PREFIX = re.compile(r"(config|hyper_?parameters?|hparams?|params?|metrics?|summary)[/._ :]", re.I)
VALIDATION = re.compile(r"(validation|valid|val|eval)(?=[/._ -])", re.I)
LAST_PART = re.compile(r".*(?:[/.:]|__)")


def match(ours: Iterable[str], theirs: Sequence[str]) -> dict[str, str]:
    """For each of our names that is among theirs: which it is.

    The same spelling counts more than a similar one, that more than another name for the same
    thing, and that more than the last part of a longer name; each of theirs is used once. Raises
    ``UsageError`` with a line for each name of ours that several of theirs mean equally well.
    """
    found: dict[str, str] = {}
    faults: list[str] = []
    for read in (str, _bare, _meaning, _last_meaning):
        for name in (name for name in ours if name not in found):
            free = [other for other in theirs if other not in found.values()]
            hits = [other for other in free if read(other) == read(name)]
            if hits:
                found[name] = hits[0]
            if len(hits) > 1:
                faults.append(_ambiguous(name, hits))
    if faults:
        raise UsageError(*faults)
    return found


def match_metric(name: str, theirs: Sequence[str]) -> str | None:
    """Which of their metrics is ours, one on the validation data too; raises as ``match``."""
    readings: tuple[Callable[[str], str], ...] = (str, _bare, _meaning, _validated)
    for read in readings:
        hits = [other for other in theirs if read(other) == read(name)]
        if len(hits) > 1:
            raise UsageError(f"{' and '.join(hits[:5])} may be {name}. Say --metric {hits[0]}.")
        if hits:
            return hits[0]
    return None


def _bare(name: str) -> str:
    return re.sub(
        r"[\W_]", "", PREFIX.sub("", name, count=1) if PREFIX.match(name) else name
    ).lower()


def _meaning(name: str) -> str:
    return CANONICAL.get(_bare(name), _bare(name))


def _last_meaning(name: str) -> str:
    return _meaning(LAST_PART.sub("", name))


def _validated(name: str) -> str:
    name = PREFIX.sub("", name, count=1) if PREFIX.match(name) else name
    return _last_meaning(VALIDATION.sub("", name, count=1) if VALIDATION.match(name) else name)


def _ambiguous(name: str, hits: Sequence[str]) -> str:
    return f"{' and '.join(hits[:5])} may be {name}. Say --map {name}={hits[0]}."
