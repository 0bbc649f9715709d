"""Bad input, one row each: what is typed, and what the one line of the answer must hold."""

from dataclasses import dataclass, field

TASK = "task: {dataset: toy, model: curve, trainable: toy}"
METRIC = "metric: {name: score, mode: max, low: 0, high: 1}"
SPACE = "space: {lr: {float: [0.001, 0.1]}}"
GOOD = f"version: 1\n{TASK}\n{METRIC}\n{SPACE}\n"


@dataclass(frozen=True)
class Case:
    """``argv`` is split at blanks; ``value`` and ``remedy`` must be told.

    ``files`` are made first, in the folder that the command runs in. ``row`` is the number in the
    project's list of bad input, 0 if it has none; ``faults`` is how many lines the answer has.
    """

    row: int
    argv: str
    value: str
    remedy: str
    files: dict[str, str | bytes] = field(default_factory=dict)
    code: int = 2
    faults: int = 1


def yaml(row: int, text: str | bytes, value: str, remedy: str, faults: int = 1) -> Case:
    """A case of ``tuner run x.yaml``."""
    return Case(row, "run x.yaml", value, remedy, {"x.yaml": text}, faults=faults)


def space(row: int, parameter: str, value: str, remedy: str) -> Case:
    """A case of one wrong parameter ``lr``."""
    return yaml(row, GOOD.replace("{float: [0.001, 0.1]}", parameter), value, remedy)


def flag(row: int, options: str, value: str, remedy: str, code: int = 2) -> Case:
    """A case of a task that exists, with wrong options."""
    return Case(row, f"run toy-curve {options}", value, remedy, code=code)


COMMAND_LINE = (
    Case(1, "", "a command is missing", "Write tuner run, tuner resume, "),
    Case(1, "history", "a command is missing", "Write tuner history list, "),
    Case(2, "rnu", "'rnu'", "Did you mean run?"),
    Case(2, "history lst", "'lst'", "Did you mean list?"),
    flag(3, "--trial 5", "'--trial'", "Did you mean --trials?"),
    flag(3, "--tri=5", "'--tri'", "Did you mean --trials?"),
    Case(3, "tasks --trials 5", "'--trials'", "Known: --data-dir, --help, --json"),
    Case(3, "run", "TASK", "See `tuner run --help`"),
    Case(3, "tasks adult", "'adult'", "See `tuner tasks --help`"),
    flag(
        9, "--repeats 1 --baseline", "needs at least 3 repeats (5 advised), got 1", "Write e.g. 5"
    ),
    flag(9, "--repeats many", "got 'many'", "whole number 3 to 100"),
    flag(0, "--arms cold,wrm", "'wrm'", "Did you mean warm?"),
    flag(0, "--arms warm,warm", "'warm,warm'", "Write e.g. cold,warm"),
    flag(0, "--arms cold,warm --baseline", "--baseline", "Leave one of them out"),
    flag(0, "--arms cold,warm --seed 4294967295", "4294967295", "Write e.g. 0"),
    flag(0, "--all", "--all", "Leave one of them out"),
    Case(
        0,
        "run toy-curve x.yaml --repeats 3",
        "two configurations of toy-curve",
        "Leave one",
        {"x.yaml": GOOD},
    ),
    Case(0, "compare nothing", "'nothing'", "Known: "),
    Case(0, "compare toy-curve", "'toy-curve'", "--arms cold,warm"),
    flag(3, "--trials", "--trials: expected one argument", "See `tuner run --help`"),
    flag(4, "--trials 0", "got 0", "Write e.g. 50"),
    flag(0, "--out s3://bucket/run", "'s3'", "mount the storage"),
    flag(4, "--trials -3", "got -3", "Write e.g. 50"),
    flag(4, "--trials abc", "got 'abc'", "whole number 1 to 100000"),
    flag(4, "--trials 1e9", "got 1000000000", "whole number 1 to 100000"),
    flag(4, "--trials 1.5", "got 1.5", "whole number 1 to 100000"),
    flag(5, "--time-budget 30", "got 30", "Write e.g. 30m"),
    flag(5, "--time-budget 1d", "got '1d'", "unit (s, m or h)"),
    flag(5, "--time-budget 0s", "got '0s'", "Write e.g. 30m"),
    flag(6, "--seed -1", "got -1", "whole number 0 to 4294967295"),
    flag(6, "--seed 4294967296", "got 4294967296", "whole number 0 to 4294967295"),
    flag(7, "--set budget.trails=5", "--set budget.trails", "Did you mean trials?"),
    flag(7, "--set sed=5", "--set sed", "Did you mean seed?"),
    flag(7, "--set budget..=5", "budget.", "Known: "),
    flag(8, "--set lr", "got 'lr'", "Write e.g. budget.trials=20"),
    flag(8, "--set =5", "got '=5'", "KEY=VALUE"),
    flag(8, "--set budget.trials=[1", "--set budget.trials:1:", "Mend it"),
    flag(8, "--set seed=no", "(no)", 'Write false or "no"'),
    flag(10, "--warm-start maybe", "got 'maybe'", "whole number 0 to 100"),
    flag(0, "--gpu-hours 169", "got 169", "number 0.001 to 168"),
    flag(0, "--concurrency 0", "got 0", "Write e.g. 2"),
    flag(0, "--sampler bayes", "got 'bayes'", "meta-gp, meta-tpe, tpe, gp or random"),
    flag(0, "--address somewhere", "got 'somewhere'", "auto, local or HOST:PORT"),
    flag(14, "--tracking-uri ./mlruns", "'./mlruns'", "mlflow migrate-filestore"),
    flag(14, "--tracking-uri file:///x", "'file:///x'", "Use sqlite:///mlflow.db"),
    flag(15, "--tracking-uri ftp://x", "'ftp://x'", "sqlite, http or https"),
    flag(15, "--tracking-uri javascript:x", "'javascript:x'", "sqlite, http or https"),
    flag(15, "--history ftp://x", "'ftp://x'", "sqlite, http or https"),
    flag(0, "--history sqlite:///a.db --no-history", "--no-history", "Leave one of them out"),
    flag(16, "--tracking-uri ftp://me:secret@x", "me:***@x", "sqlite, http or https"),
    flag(0, "--data-dir nowhere", "'nowhere'", "Name one, or leave it out"),
    Case(0, "ui --port 0", "got '0'", "whole number 1 to 65535"),
    Case(0, "ui --tracking-uri gopher://x", "'gopher://x'", "sqlite, http or https"),
    Case(0, "run diabetes-* --out here", "2 tasks", "run them one by one"),
    Case(47, "resume nowhere", "'nowhere'", "Runs here: none; start one with `tuner run`", code=5),
    Case(47, "report nowhere", "nowhere", "Start one with `tuner run`", code=5),
    Case(50, "report a b", "2 runs make one page", "Say where it goes"),
    Case(47, "resume x", "'x'", "start one with `tuner run`", {"x/a.txt": ""}, 5),
)

FILES = (
    Case(17, "run adult-xgbost", "'adult-xgbost'", "Did you mean adult-xgboost?"),
    Case(17, "run mnist*", "'mnist*'", "Known: adult-lightgbm"),
    Case(17, "run x/adlut.yaml", "'x/adlut.yaml'", "mean x/adult.yaml?", {"x/adult.yaml": GOOD}),
    Case(17, "run nowhere.yaml", "'nowhere.yaml'", "Name a YAML file or a task"),
    Case(17, "run x", "x: not a file", "Name a YAML file", {"x/y.yaml": GOOD}),
    yaml(17, "", "got nothing", "Start from a copy"),
    yaml(18, "a: 1\n" * 20_000, "larger than 65536 bytes", "Name the YAML file"),
    yaml(18, b"\xff\xfe\x00", "byte 0xff at offset 0", "Save it as UTF-8"),
    yaml(18, b"a: \x00", "U+0000 at offset 3", "Save it as UTF-8"),
    yaml(19, "a: b: c\n", "x.yaml:1:5:", "        ^"),
    yaml(19, GOOD + "budget: {trials: 5\n", "x.yaml:6:1:", "Mend it"),
    yaml(19, "\ta: 1\n", "x.yaml:1:1:", "Mend it"),
    yaml(20, "- a\n- b\n", "got a list", "a mapping with task, metric and space"),
    yaml(21, GOOD + "seed: 1\nseed: 2\n", "x.yaml:6: seed", "(first at line 5). Delete one"),
    yaml(22, GOOD + "seed: &a 1\n", "x.yaml:5:7:", "aliases and tags are not allowed"),
    yaml(22, GOOD + "seed: *a\n", "x.yaml:5:7:", "aliases and tags are not allowed"),
    yaml(22, "!!python/object/apply:os.system [ls]", "x.yaml:1:1:", "tags are not allowed"),
    yaml(22, "[" * 60_000, "x.yaml:1:17:", "nested deeper than 16 levels"),
)

VALUES = (
    yaml(23, GOOD + "budget: {max_epoch: 3}\n", "budget.max_epoch", "Did you mean max_steps?"),
    yaml(23, GOOD + "budget: 5\n", "got 5", "Write budget: {trials: 50}"),
    yaml(24, GOOD.replace(METRIC, ""), "metric: missing", "Add: metric: {name: rmse, mode: min}"),
    yaml(24, GOOD.replace(SPACE, ""), "space: missing", "Add: space: {"),
    yaml(24, GOOD.replace(", model: curve", ""), "task.model: missing", "Write e.g. xgboost"),
    yaml(25, GOOD.replace("1", "2", 1), "got 2", "Upgrade tuner, or write version: 1"),
    yaml(25, GOOD.replace("version: 1\n", ""), "version: missing", "Write e.g. 1"),
    yaml(26, GOOD.replace("mode: max", "mode: maximise"), "got 'maximise'", "max or min expected"),
    yaml(27, GOOD.replace("low: 0", "low: 1"), "low 1 is not below high 1", "Swap them"),
    yaml(27, GOOD.replace("low: 0", "low: .nan"), "got nan", "finite number expected"),
    space(29, "{float: [1, 0.1]}", "lower 1 is above upper 0.1", "Swap them"),
    space(29, "{int: [3, 3]}", "both 3", "Widen the range"),
    space(30, "{float: [0, 1], log: true}", "got 0", "Write e.g. float: [1.0e-4, 0.5]"),
    space(30, "{int: [-1, 5], log: true}", "got -1", "Write e.g. int: [1, 100]"),
    space(31, "{float: [0, .inf]}", "got [0, inf]", "finite numbers"),
    space(31, "{float: [.nan, 1]}", "got [nan, 1]", "finite numbers"),
    space(31, "{float: [0, 1e999]}", "got [0, inf]", "finite numbers"),
    space(32, "{int: [1.5, 4]}", "got [1.5, 4]", "whole numbers"),
    space(33, "{categorical: []}", "got []", "at least 2 different choices"),
    space(33, "{categorical: [a, a]}", "got ['a', 'a']", "at least 2 different choices"),
    space(33, "{categorical: [a, no]}", "(no)", 'Write false or "no"'),
    space(34, "{float: [0, 1], default: 7}", "default 7 is outside", "Choose one"),
    space(34, "{categorical: [a, b], default: c}", "'c' is not one of a, b", "Choose one"),
    yaml(35, GOOD.replace(SPACE, "space: {}"), "got 0", "Write e.g. learning_rate"),
    yaml(
        35,
        GOOD.replace(SPACE, "space:\n" + "".join(f"  p{n}: {{int: [0, 1]}}\n" for n in range(65))),
        "got 65",
        "1 to 64 parameters",
    ),
    yaml(36, GOOD.replace("lr:", "seed:"), "'seed'", "Rename it"),
    yaml(36, GOOD.replace("lr:", "__class__:"), "'__class__'", "Rename it"),
    yaml(36, GOOD.replace("lr:", "a/b:"), "'a/b'", "up to 64 letters, digits and _"),
    yaml(36, GOOD.replace("lr:", "x" * 300 + ":"), "xxxx", "up to 64 letters, digits and _"),
    flag(37, "--set budget.grace_steps=99", "grace_steps 99 exceeds max_steps 9", "Lower it"),
    flag(37, "--set budget.reduction_factor=1", "got 1", "whole number 2 to 100"),
    flag(39, "--set resources.gpu=1.5", "got 1.5", "a fraction from 0.01 to 1"),
    flag(39, "--set resources.gpu=-1", "got -1", "a fraction from 0.01 to 1"),
    flag(39, "--set resources.gpu=0.00001", "got 1e-05", "a fraction from 0.01 to 1"),
    flag(41, "--set task.trainable=os.system", "'os.system'", "Known: image, tabular, text, toy"),
    flag(41, "--set task.trainable=os:system", "'os:system'", "add --allow-code"),
    flag(41, "--set task.trainable=no_such:f --allow-code", "'no_such'", "Put no_such.py into"),
    Case(41, "run adult-xgboost --set task.dataset=adlut", "'adlut'", "Did you mean adult?"),
    Case(41, "run adult-xgboost --set task.model=xgbost", "'xgbost'", "Did you mean xgboost?"),
    Case(41, "run adult-xgboost --set metric.name=rsme", "'rsme'", "Did you mean rmse?"),
    Case(41, "run adult-xgboost --set metric.mode=max", "'max'", "Write min"),
)

SEVERAL = (
    Case(
        23, "run x.yaml --seed -1 --set lr", "x.yaml:5", "--seed", {"x.yaml": GOOD + "a: 1"}, 2, 3
    ),
    Case(23, "run diabetes-* toy-curve --trials 0", "got 0", "Write e.g. 50"),
)

CASES = (*COMMAND_LINE, *FILES, *VALUES, *SEVERAL)
