"""What the command line asks for: configurations, and how to run them; all faults at once."""

import re
import shlex
from argparse import Namespace
from dataclasses import replace

from tuner import tasks
from tuner.arguments import CONFIG_OPTIONS, REPEATED_OPTIONS, SWITCHES
from tuner.config import RunOptions, StudyConfig
from tuner.config_reader import Override, load
from tuner.design_request import design_faults, is_experiment
from tuner.errors import UsageError, gathering
from tuner.home import default_tracking_uri, tracking_uri

ADDRESS = re.compile(r"auto|local|(ray://)?[^/:\s]+:[0-9]{1,5}")
BUCKET = re.compile(r"([a-z][a-z0-9+.-]+):/")

Asked = tuple[StudyConfig, RunOptions]
"""A study that the command line asks for, and how to run it."""


def asked_studies(arguments: Namespace) -> list[Asked]:
    """The configurations of the tasks and how to run them; all faults at once."""
    faults = list(design_faults(arguments))
    overrides = _overrides(arguments, faults)
    options = read_options(arguments, faults)
    studies = []
    sources = tasks.mission() if vars(arguments).get("all") else tasks.expand(arguments.tasks)
    for source in sources:
        with gathering(faults):
            config = load(source, overrides, arguments.allow_code)
            studies.append((config, replace(options, command=_command(source, arguments))))
    if options.out and len(studies) > 1 and not is_experiment(arguments):
        what = f"one directory holds one study, got {len(studies)} tasks"
        faults.append(f"--out: {what}. Leave it out, or run them one by one.")
    if faults:
        raise UsageError(*dict.fromkeys(faults))
    return studies


def _command(source: str, arguments: Namespace) -> str:
    """What to type for a warm run of one task with the same options."""
    words = ["tuner", "run", source]
    for option in REPEATED_OPTIONS:
        value = vars(arguments).get(option.removeprefix("--").replace("-", "_"))
        if value is True:
            words.append(option)
        elif isinstance(value, list):
            words += [word for item in value for word in (option, item)]
        elif value:
            words += [option, str(value)]
    return shlex.join(words)


def _overrides(arguments: Namespace, faults: list[str]) -> list[Override]:
    """The keys of the configuration that the command line sets; an option beats ``--set``."""
    overrides = []
    given = vars(arguments)
    for text in arguments.set:
        with gathering(faults):
            overrides.append(Override.parse(text))
    for option, (key, _, _) in CONFIG_OPTIONS.items():
        text = given.get(option.removeprefix("--").replace("-", "_"))
        if text is not None:
            is_off = option == "--warm-start" and text == "off"
            overrides.append(Override(key, "0" if is_off else text, f"{option}: "))
    for option, (key, text) in SWITCHES.items():
        if given.get(option.removeprefix("--").replace("-", "_")):
            overrides.append(Override(key, text, f"{option}: "))
    return overrides


def read_options(arguments: Namespace, faults: list[str]) -> RunOptions:
    """How to run; what is wrong is added to ``faults``."""
    given = vars(arguments)
    history: list[str] = []
    for uri in given.get("history", ()):
        with gathering(faults):
            history.append(read_store(uri, "--history"))
    if history and given["no_history"]:
        faults.append("--history: contradicts --no-history. Leave one of them out.")
    data_dir, address = given.get("data_dir"), given.get("address", "auto")
    if data_dir and not data_dir.is_dir():
        what = f"no such directory {str(data_dir)!r}"
        faults.append(f"--data-dir: {what}. Name one, or leave it out to fetch the data.")
    if given.get("out") and (scheme := BUCKET.match(str(given["out"]))):
        what = f"a folder expected, got an address of {scheme[1]!r}"
        faults.append(
            f"--out: {what}. A study's journal needs a file system: mount the storage on all nodes"
            " and name the folder."
        )
    if not ADDRESS.fullmatch(address):
        what = f"auto, local or HOST:PORT expected, got {address!r}"
        faults.append(f"--address: {what}. Write e.g. 127.0.0.1:6379.")
    return RunOptions(
        arm="cold" if given.get("baseline") else "warm",
        history=tuple(history),
        use_history=not given.get("no_history"),
        data_dir=data_dir,
        address=address,
        out=given.get("out"),
        finalize=not given.get("no_finalize"),
        quiet=given.get("quiet", False),
        json=given["json"],
        allow_code=given.get("allow_code", False),
        repair=given.get("repair", False),
    )


def read_store(uri: str | None, option: str = "--tracking-uri") -> str:
    """The store at ``uri``, or the one in use; raises ``UsageError`` naming the option."""
    try:
        return tracking_uri(uri) if uri else default_tracking_uri()
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None
