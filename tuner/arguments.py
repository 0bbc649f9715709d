"""The command line in two tables; what a value may be is said by ``tuner.fields``.

``tuner.parser`` makes the parser of them.
"""

from pathlib import Path
from typing import Any

CONFIG_OPTIONS = {
    "--trials": ("budget.trials", "N", "try N configurations"),
    "--time-budget": ("budget.time", "TIME", "end the study after TIME, e.g. 90s, 30m or 2h"),
    "--gpu-hours": ("budget.gpu_hours", "H", "use at most H hours of GPU time"),
    "--gpu-fraction": (
        "resources.gpu",
        "auto|F",
        "give each trial the share F of a GPU, e.g. 0.25, or what its memory asks for",
    ),
    "--concurrency": ("resources.concurrency", "N", "run N trials at once"),
    "--seed": ("seed", "N", "let N govern split, sampler and trainings"),
    "--sampler": (
        "sampler",
        "NAME",
        "propose configurations by meta-gp, meta-tpe, tpe, gp or random",
    ),
    "--warm-start": ("warm_start.points", "N|off", "start from N configurations of the past"),
    "--final-seeds": ("final.seeds", "N", "train and test the best configuration with N seeds"),
    "--tracking-uri": ("tracking.uri", "URI", "keep studies in the MLflow store at URI"),
}
"""Options that set a key of the configuration: the key, the metavar and the help."""

ARGUMENTS: dict[str, dict[str, Any]] = {
    "tasks": {
        "metavar": "TASK",
        "nargs": "*",
        "help": "a built-in task, a pattern such as 'wine-quality-*', or the path of a YAML file",
    },
    "task": {"metavar": "TASK", "help": "a built-in task, or the path of a YAML file"},
    "run_dir": {
        "metavar": "RUN_DIR",
        "type": Path,
        "help": "the directory of a run, or of an experiment",
    },
    "run_dirs": {
        "metavar": "RUN_DIR",
        "nargs": "+",
        "type": Path,
        "help": "the directory of a run; several of one task make one page",
    },
    "sources": {
        "metavar": "SOURCE",
        "nargs": "+",
        "help": "the directory of an experiment or of a run, or a task, whose runs are looked for",
    },
    "--arms": {
        "metavar": "ARM,ARM",
        "help": "run each task in several arms, paired by seed and split: tpe (Optuna's TPE), cold"
        " (--sampler without a past), default (cold, but the default configuration first), warm; 5"
        " repeats unless --repeats says otherwise",
    },
    "--repeats": {
        "metavar": "N",
        "help": "run each arm with N seeds, from --seed on: at least 3, 5 advised",
    },
    "--all": {
        "action": "store_true",
        "help": "run the twelve tasks; --time-budget and --gpu-hours are then for all together,"
        " final fits included, split over what is left",
    },
    "--export": {
        "metavar": "DIR",
        "type": Path,
        "help": "write the tables as CSV and LaTeX, and curves and intervals as SVG and PDF",
    },
    "study": {"metavar": "STUDY", "help": "the id of a study, as `tuner history list` shows it"},
    "--baseline": {
        "action": "store_true",
        "help": "run cold, without any past, for comparison with the same seed",
    },
    **{
        option: {"metavar": metavar, "help": f"{does} ({key})"}
        for option, (key, metavar, does) in CONFIG_OPTIONS.items()
    },
    "--set": {
        "metavar": "KEY=VALUE",
        "action": "append",
        "default": [],
        "help": "set any key of the configuration, e.g. budget.max_steps=20; may be repeated",
    },
    "--synthetic": {
        "action": "store_true",
        "help": "use generated data of the same shape, and say so in the results",
    },
    "--history": {
        "metavar": "URI",
        "action": "append",
        "default": [],
        "help": "learn from the studies in this store, not from the tracking store;"
        " may be repeated",
    },
    "--no-history": {"action": "store_true", "help": "learn from no past study"},
    "--no-starter": {
        "action": "store_true",
        "help": "learn from your own past alone, not from what ships with tuner"
        " (warm_start.starter)",
    },
    "--data-dir": {"metavar": "DIR", "type": Path, "help": "read the data from local copies"},
    "--address": {
        "metavar": "ADDRESS",
        "default": "auto",
        "help": "the Ray cluster: auto (RAY_ADDRESS, else a local one), local, or HOST:PORT",
    },
    "--out": {"metavar": "DIR", "type": Path, "help": "the run directory to make"},
    "--no-finalize": {
        "action": "store_true",
        "help": "do not train the best configuration for the test; `tuner finalize` does it later",
    },
    "--allow-code": {
        "action": "store_true",
        "help": "let the configuration name a function of yours as trainable",
    },
    "--repair": {
        "action": "store_true",
        "help": "keep what can be read of a damaged journal, and say what is lost",
    },
    "--json": {"action": "store_true", "help": "print the result as one JSON object"},
    "--quiet": {"action": "store_true", "help": "show no progress"},
    "--experiment": {
        "metavar": "NAME",
        "help": "the MLflow experiment of the studies (warmtune)",
    },
    "source": {
        "metavar": "SOURCE",
        "help": "an Optuna storage (sqlite:///x.db or a journal file), an MLflow store or mlruns"
        " folder, a folder of Ray Tune results, a table (CSV, Parquet, W&B) or an exported file",
    },
    "file": {"metavar": "FILE", "type": Path, "help": "the Parquet file to write"},
    "--task": {
        "metavar": "TASK",
        "help": "only the studies of this task",
    },
    "--from": {
        "metavar": "KIND",
        "dest": "kind",
        "help": "take the source for mlflow, optuna, ray, table, wandb or archive",
    },
    "--study": {"metavar": "NAME", "help": "only the study of this name in the source"},
    "--dataset": {
        "metavar": "NAME",
        "help": "the data set that the trials were trained on (the name of the study)",
    },
    "--metric": {
        "metavar": "NAME[:SCALE]",
        "help": "what the source calls the metric, and how it writes it: percent, negative,"
        " complement, ... or a factor",
    },
    "--mode": {"metavar": "max|min", "help": "which values of that metric are better"},
    "--map": {
        "metavar": "OURS=THEIRS[:SCALE]",
        "dest": "maps",
        "action": "append",
        "default": [],
        "help": "what the source calls a parameter, and how it writes it: log10, log2, log,"
        " percent, complement, inverse, ... or a factor; may be repeated",
    },
    "--dry-run": {
        "action": "store_true",
        "help": "show what would be imported, and import nothing",
    },
    "--html": {
        "metavar": "FILE",
        "type": Path,
        "help": "write the page here (of one run: report.html in its directory)",
    },
    "--host": {"metavar": "HOST", "default": "127.0.0.1", "help": "listen here (127.0.0.1)"},
    "--port": {"metavar": "PORT", "default": "5000", "help": "listen on this port (5000)"},
}

SWITCHES = {
    "--synthetic": ("task.synthetic", "true"),
    "--no-starter": ("warm_start.starter", "false"),
}
"""Options without a value that set a key of the configuration: the key and what to."""
STUDY = ("--baseline", *CONFIG_OPTIONS, "--set", *SWITCHES, "--history", "--no-history")
REPEATED_OPTIONS = (
    *(*CONFIG_OPTIONS, "--set", *SWITCHES, "--history", "--no-history", "--no-finalize"),
    *("--data-dir", "--allow-code"),
)
"""Options that repeat a run, and that two runs must share to be a pair."""
PLACE = ("--data-dir", "--address", "--allow-code", "--json")
STORE = ("--tracking-uri", "--experiment")
SOURCE = (
    "--task",
    "--from",
    "--study",
    "--experiment",
    "--dataset",
    "--metric",
    "--mode",
    "--map",
    "--dry-run",
)
ARMS = ("--arms", "--repeats", "--all")
RUN = ("--no-finalize", "--quiet")
COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "run": ("tune tasks", ("tasks", *ARMS, *STUDY, *PLACE, *RUN, "--out")),
    "resume": (
        "go on with a study or an experiment that was interrupted",
        ("run_dir", "--repair", *PLACE, *RUN),
    ),
    "compare": (
        "compare the arms of finished studies, with tests and intervals",
        ("sources", "--html", "--export", "--json"),
    ),
    "report": (
        "write the page of a run, of several, or of an experiment",
        ("run_dirs", "--html", "--json"),
    ),
    "finalize": (
        "train the best configuration of a finished study, test it and keep the model",
        ("run_dir", *PLACE, "--quiet"),
    ),
    "plan": ("check all, show what a run would do, and run nothing", ("tasks", *STUDY, *PLACE)),
    "tasks": ("list the built-in tasks and where their data are", ("--data-dir", "--json")),
    "doctor": ("check what a run needs, and say what to do", ("--data-dir", "--json")),
    "history": ("show what a run would learn from", ()),
    "history list": ("list the past studies", (*STORE, "--json")),
    "history show": ("show the trials of a past study", ("study", *STORE, "--json")),
    "history refused": (
        "show what a task would not learn from, and why",
        ("task", "--tracking-uri", "--set", "--allow-code", "--json"),
    ),
    "history import": (
        "bring the results of another tool, or an exported file, into the past",
        ("source", *SOURCE, "--tracking-uri", "--set", "--allow-code", "--json"),
    ),
    "history export": (
        "write the past studies to one Parquet file",
        ("file", "--task", *STORE, "--allow-code", "--json"),
    ),
    "ui": (
        "open the MLflow UI on the store in use",
        ("--tracking-uri", "--experiment", "--host", "--port"),
    ),
}
"""The commands: what each does, and its arguments."""
READ = {"--tracking-uri": "read the MLflow store at URI, not the one in use"}
HELP: dict[str, dict[str, str]] = {
    "finalize": {"run_dir": "the directory of a run"},
    "history list": READ,
    "history show": READ,
    "history refused": READ,
    "history import": {
        "--task": "the task of the trials; needed for what was not exported",
        "--experiment": "import from this MLflow experiment (the only one)",
        "--tracking-uri": "bring them into the MLflow store at URI",
    },
    "history export": READ,
    "ui": READ,
}
"""What an argument means to a command where it is not what ``ARGUMENTS`` says."""

EXIT_CODES = {
    0: "done",
    1: "a bug in tuner",
    2: "command, configuration or data wrong",
    3: "something outside is missing: Ray, GPU, network, disk",
    4: "no trial completed",
    5: "run directory in use, damaged or without a study",
    130: "interrupted by Ctrl-C; `tuner resume` goes on",
    143: "interrupted by SIGTERM; `tuner resume` goes on",
}
