"""What befalls a journal: damaged files, a killed writer, a full disk."""

import os
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import chain, count, islice
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from meta.study import Study
from tests.tuner.test_journal import HEADER, STUDY, folded, trial_events, write_study
from tuner.errors import EnvironmentFault, RunDirectoryError
from tuner.events import Event, Finished
from tuner.journal import Journal
from tuner.journal_file import (
    FILE_NAME,
    LAST_FILE,
    connect_readonly,
    read_entries,
    read_journal,
)

NOBODY = 65534


def copy_as_after_a_kill(journal: Journal, target: Path) -> None:
    """The files as a killed process leaves them: the end of the log is in the WAL."""
    target.mkdir(parents=True, exist_ok=True)
    for name in (FILE_NAME, f"{FILE_NAME}-wal", LAST_FILE):
        shutil.copy(journal.path.with_name(name), target / name)


# Damage: the study as it was, or an error that says what is wrong

Damage = Callable[[bytes, random.Random], bytes]


def truncate(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flip_a_bit(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << rng.randrange(8)]) + content[place + 1 :]


def outcomes(
    pristine: Path, scratch: Path, name: str, damage: Damage, expected: Study, times: int
) -> dict[str, int]:
    """Damage one file again and again; count how often that was noticed or did no harm."""
    rng = random.Random(name)
    counts = {"noticed": 0, "harmless": 0}
    for _ in range(times):
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(pristine, scratch)
        (scratch / name).write_bytes(damage((pristine / name).read_bytes(), rng))
        try:
            journal = Journal.open(scratch)
        except RunDirectoryError:
            counts["noticed"] += 1
        else:
            assert journal.study == expected
            journal.close()
            counts["harmless"] += 1
    return counts


@pytest.mark.parametrize("damage", [truncate, flip_a_bit])
@pytest.mark.parametrize("name", [FILE_NAME, f"{FILE_NAME}-wal"])
def test_damage_is_noticed_or_does_no_harm(tmp_path: Path, name: str, damage: Damage) -> None:
    journal = write_study(tmp_path / "run", 12)
    if name == FILE_NAME:
        journal.close()
        shutil.copytree(tmp_path / "run", tmp_path / "pristine")
    else:
        copy_as_after_a_kill(journal, tmp_path / "pristine")
    counts = outcomes(tmp_path / "pristine", tmp_path / "scratch", name, damage, journal.study, 250)
    assert counts["noticed"] > 50


@pytest.mark.parametrize("content", [b"", b"0", b"\xff\xff", "²".encode(), b"99999"])
def test_damage_to_the_count_beside_the_log_loses_nothing(tmp_path: Path, content: bytes) -> None:
    journal = write_study(tmp_path, 2)
    journal.close()
    (tmp_path / LAST_FILE).write_bytes(content)
    try:
        assert Journal.open(tmp_path).study == journal.study
    except RunDirectoryError:
        assert content == b"99999"


def test_a_log_that_lost_its_end_says_how_much_and_how_to_go_on(tmp_path: Path) -> None:
    journal = write_study(tmp_path / "run", 2)
    copy_as_after_a_kill(journal, tmp_path / "copy")
    wal = tmp_path / "copy" / f"{FILE_NAME}-wal"
    wal.write_bytes(wal.read_bytes()[:-5000])
    with pytest.raises(RunDirectoryError, match=r"its last \d events are lost.*--repair"):
        Journal.open(tmp_path / "copy")
    (tmp_path / "copy" / LAST_FILE).unlink()
    assert len(Journal.open(tmp_path / "copy").study.trials) == 2


def test_looking_at_a_damaged_log_does_not_make_it_worse(tmp_path: Path) -> None:
    journal = write_study(tmp_path / "run", 2)
    copy_as_after_a_kill(journal, tmp_path / "copy")
    wal = tmp_path / "copy" / f"{FILE_NAME}-wal"
    content = bytearray(wal.read_bytes())
    content[len(content) // 2] ^= 1
    wal.write_bytes(content)
    with pytest.raises(RunDirectoryError):
        Journal.open(tmp_path / "copy")
    assert wal.read_bytes() == content


# A killed writer, a full disk

WRITER = """
import sys
from pathlib import Path
from tests.tuner.test_journal import HEADER, STUDY
from tests.tuner.test_journal_faults import endless
from tuner.journal import Journal

journal = Journal.create(Path(sys.argv[1]), STUDY, HEADER)
for event in endless():
    journal.append(event)
    print(flush=True)
"""


@contextmanager
def somebody_elses(directory: Path) -> Iterator[Path]:
    """``directory``, copied to where everybody may read it, for one who may not write there."""
    if not hasattr(os, "setresuid") or os.getuid() != 0:
        pytest.skip("only root can be somebody else")
    with TemporaryDirectory() as folder:
        place = Path(folder, "run")
        shutil.copytree(directory, place)
        place.chmod(0o555)
        place.parent.chmod(0o755)
        os.setresuid(NOBODY, NOBODY, 0)
        try:
            yield place
        finally:
            os.setresuid(0, 0, 0)


def test_the_journal_of_somebody_else_is_read_whether_it_is_closed_or_not(tmp_path: Path) -> None:
    journal = write_study(tmp_path / "run", 2)
    with somebody_elses(tmp_path / "run") as place:
        running = read_journal(place)
    journal.close()
    with somebody_elses(tmp_path / "run") as place:
        assert read_journal(place) == running
    assert running[0] == STUDY
    assert running[2]


def test_after_a_kill_it_is_to_be_copied_first_and_not_called_damaged(tmp_path: Path) -> None:
    copy_as_after_a_kill(write_study(tmp_path / "run", 2), tmp_path / "killed")
    refused = pytest.raises(EnvironmentFault, match=r"run: is read-only\. Copy it")
    with somebody_elses(tmp_path / "killed") as place, refused:
        read_journal(place)


def endless() -> Iterator[Event]:
    return chain.from_iterable(trial_events(trial) for trial in count())


def killed_writer(directory: Path, after: int) -> int:
    """Kill a process once it acknowledged some events; return how many it did acknowledge."""
    directory.mkdir()
    command = [sys.executable, "-c", WRITER, str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        for _ in range(after):
            writer.stdout.readline()
        writer.kill()
        return after + len(writer.stdout.readlines())


def test_a_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(0)
    for attempt in range(12):
        directory = tmp_path / str(attempt)
        acknowledged = killed_writer(directory, after=rng.randrange(1, 200))
        journal = Journal.open(directory)
        with closing(connect_readonly(directory)) as reader:
            events = [entry.event for entry in read_entries(reader)]
        assert acknowledged <= len(events) <= acknowledged + 1
        assert events == list(islice(endless(), len(events)))
        assert journal.trials == folded(*events)
        journal.append(Finished("after the kill"))
        journal.close()
        assert Journal.open(directory).finished == Finished("after the kill")


def append_until_it_fails(journal: Journal, limit_bytes: int) -> None:
    """Let no file grow beyond a limit, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        for event in endless():
            journal.append(event)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit_bytes", range(40_000, 400_000, 37_123))
def test_a_full_disk_is_an_environment_fault_and_earlier_events_are_intact(
    tmp_path: Path, limit_bytes: int
) -> None:
    journal = Journal.create(tmp_path, STUDY, HEADER)
    with pytest.raises(EnvironmentFault, match=r"cannot write the journal.*tuner resume"):
        append_until_it_fails(journal, limit_bytes)
    acknowledged = journal.study
    assert acknowledged.trials
    assert Journal.open(tmp_path).study == acknowledged
    journal.append(Finished("there is space again"))
    journal.close()
    assert Journal.open(tmp_path).study == acknowledged
