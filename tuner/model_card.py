"""The model card of a run: what the kept model is, how good, how it came about, how to use it."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from trainables import MODULES, served
from tuner.final_result import FinalResult
from tuner.home import redact
from tuner.progress import announce
from tuner.report.material import Run, read_run
from tuner.rundir import CARD_FILE, MODEL_FOLDER
from tuner.summary import SYNTHETIC
from tuner.tracking.records import model_name

LIMITS = """\
Meant for inputs that look like the rows of this data set, which it was chosen and tested on, and
for comparison with other models of the same split. It was not examined for fairness between
groups, for robustness, for drift, or for how well its probabilities are calibrated; do that before
a decision about people depends on it. What the licence of the data allows holds for the model."""

TABLE = """\
Rows of a table, their columns by name; a category goes by its name, `null` is a missing value."""
TEXTS = "A list of texts."
IMAGES = "Images as uint8, (n, height, width, channels); one of them has the shape {shape}."
OWN = "The function `predictor` beside `{trainable}` loads this folder, where that code is at hand."
USE = """\
From this folder, in Python, where Warmtune is installed:

    from pathlib import Path
    from trainables.served import Served, example
    folder = Path("RUN_DIR/model")
    Served(folder, "{trainable}").predict(example(folder))

From MLflow, the best model of the task (`MLFLOW_TRACKING_URI` says where the store is; the
environment must be activated); this one is the version with the tag `warmtune.study` = `{study}`:

    mlflow models serve -m "models:/{name}@best" --env-manager local --port 5001"""


def write_card(directory: Path, rows: Mapping[str, int]) -> None:
    """Write the card beside the model, if there is one; ``rows`` counts the data by part.

    It is a view of the journal and costs no result: what keeps it from being written is only said.
    """
    file = directory / MODEL_FOLDER / CARD_FILE
    if not file.parent.is_dir():
        return
    try:
        text = card(read_run(directory), rows, served.example(file.parent))
        file.write_text(redact(text), encoding="utf-8")
    except Exception as error:
        announce(f"{file} not written ({error}); `tuner resume {directory}` tries again")


def card(run: Run, rows: Mapping[str, int], example: Any) -> str:
    """The card as Markdown, ``example`` being a few inputs; empty as long as nothing was tested."""
    tested, study = run.tested, run.study
    if tested is None:
        return ""
    parts = [
        f"# {study.task.id}",
        *([f"> **{SYNTHETIC}.**"] if run.synthetic else []),
        f"{study.task.model} on {study.task.dataset}: {study.metric.name} **{tested.text()}**.",
        "## Data\n\n" + _data(run, rows),
        "## Test\n\n" + _tests(run, tested),
        "## Configuration\n\n" + _table(("parameter", "value"), tested.config.items()),
        "## How it was chosen\n\n" + _choice(run),
        f"## Use and limits\n\n{LIMITS}",
        *(["## Input\n\n" + _input(example)] if example is not None else []),
        "## Load and serve\n\n" + _use(run),
        "## Versions\n\n" + _table(("package", "version"), run.header["versions"].items()),
    ]
    return "\n\n".join(parts) + "\n"


def _data(run: Run, rows: Mapping[str, int]) -> str:
    facts = {
        "data set": run.study.task.dataset + (" (**generated**)" if run.synthetic else ""),
        "fingerprint of data and split": run.study.fingerprint,
        "split": f"{run.config.get('split')}, seed {run.study.seed}",
        **{f"{part} rows": count for part, count in rows.items()},
    }
    return _table(("", ""), facts.items()) + "\n\nTrained on the training and validation rows."


def _tests(run: Run, tested: FinalResult) -> str:
    own = run.study.seed
    rows = [
        (f"{fit.seed} (the model kept here)" if fit.seed == own else fit.seed, f"{fit.value:.6g}")
        for fit in tested.fits
    ]
    head = ("seed", f"{run.study.metric.name} ({run.study.metric.mode})")
    means = [(f"mean {name}", f"{value:.6g}") for name, value in tested.metrics.items()]
    return (
        _table(head, [*rows, *means])
        + "\n\nEach seed met the test rows once. ± is half of the 95 % t-interval of the mean over"
        " the seeds, which\ndiffer in the training alone: it says nothing of other data."
    )


def _choice(run: Run) -> str:
    study, best = run.study, run.study.best
    assert best is not None  # or nothing would have been tested
    return (
        f"The best of {len(study.trials)} trials (study `{study.id}`, arm {study.arm}) on the"
        f" validation rows: trial {best.id},\n{study.metric.name} {best.value:.6g} (origin:"
        f" {best.origin}).\n"
        "As the best of many that value is too good; the test is not. Which seed tests best decided"
        "\nnothing: the model of the study's own seed is kept."
    )


def _input(example: Any) -> str:
    if hasattr(example, "columns"):
        first = json.loads(example.to_json(orient="values"))[0]
        columns = zip(example.columns, map(json.dumps, first), strict=True)
        return f"{TABLE}\n\n" + _table(("column", "for example"), columns)
    return TEXTS if isinstance(example, list) else IMAGES.format(shape=example.shape[1:])


def _use(run: Run) -> str:
    trainable, task = run.config.get("trainable", ""), run.study.task.id
    text = USE if trainable in MODULES else OWN
    return text.format(trainable=trainable, study=run.study.id, name=model_name(task))


def _table(head: tuple[str, str], rows: Iterable[tuple[object, object]]) -> str:
    lines = [head, ("---", "---"), *rows]
    return "\n".join(f"| {_cell(key)} | {_cell(value)} |" for key, value in lines)


def _cell(value: object) -> str:
    return " ".join(str(value).replace("|", "\\|").split())
