"""Runs the ``console`` blocks of a page and writes what came of them under each command.

    python -m docs.transcript docs/tutorials/first-study.md

The commands of a page run one after the other in the checkout, with this process's environment, so
point ``TUNER_HOME`` or ``HOME`` to an empty folder first. Where the state lies is written
``~/.warmtune``.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?<=```console\n).*?(?=```)", re.DOTALL)
LIMIT_SECONDS = 400


@dataclass(frozen=True)
class Step:
    """A command and what it printed on both streams; ``code`` is None if it was not run."""

    command: str
    output: str
    code: int | None = None


def steps(block: str) -> list[Step]:
    """The commands of a block as it is written, each with the output below it."""
    pieces = re.split(r"(?m)^\$ ", block)[1:]
    return [Step(command, output) for command, _, output in (p.partition("\n") for p in pieces)]


def run(page: str, environment: Mapping[str, str] = os.environ) -> Iterator[list[Step]]:
    """The blocks of a page with what their commands print now."""
    for block in BLOCK.findall(page):
        yield [_run(step.command, environment) for step in steps(block)]


def _run(command: str, environment: Mapping[str, str]) -> Step:
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
    )
    home = environment.get("TUNER_HOME") or f"{environment['HOME']}/.warmtune"
    text = done.stdout.replace(home, "~/.warmtune")
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    lines = (line.rstrip() for line in text.splitlines())
    return Step(command, "".join(f"{line}\n" for line in lines), done.returncode)


def rewritten(page: str, blocks: Iterator[list[Step]]) -> str:
    """The page with the output of ``blocks``; raises ``RuntimeError`` for a command that failed."""

    def block(_: re.Match[str]) -> str:
        done = next(blocks)
        for step in done:
            if step.code:
                raise RuntimeError(f"{step.command}: exit code {step.code}\n{step.output}")
        return "".join(f"$ {step.command}\n{step.output}" for step in done)

    return BLOCK.sub(block, page)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name)
        path.write_text(rewritten(path.read_text(), run(path.read_text())))
