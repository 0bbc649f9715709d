"""The measures of a GPU on tiny networks on the CPU; the numbers themselves need the GPU."""

import json
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks import (
    network,
    network_equal,
    network_floor,
    network_memory,
    network_plain,
    network_sharing,
)
from benchmarks.network_cases import CASES, Case, lengths, ours, shrunk
from benchmarks.network_sharing import Crowd, serve
from trainables import encoders

TEXTS = [case for case in CASES if case.longest]


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Case:
    """DistilBERT on AG News for a dry run; the published shape is there again afterwards."""
    for model, shape in encoders.ARCHITECTURES.items():
        monkeypatch.setitem(encoders.ARCHITECTURES, model, shape)
    return shrunk(TEXTS[1])


def test_both_ways_train_the_same_network(tiny: Case) -> None:
    found = network_equal.check(tiny, "cpu")
    assert found["equal"]
    assert 0 < found["difference"] < 1e-5


@pytest.mark.slow
def test_both_ways_train_the_same_network_on_images() -> None:
    assert network_equal.check(shrunk(CASES[1]), "cpu")["equal"]


def test_another_learning_rate_is_not_equal(tiny: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = network_plain.Loop.__init__

    def slower(self: Any, case: Case, network: Any, device: str, share: Any) -> None:
        begin(self, case, network, device, lambda step: 0.5 * share(step))

    monkeypatch.setattr(network_plain.Loop, "__init__", slower)
    assert not network_equal.check(tiny, "cpu")["equal"]


def test_each_way_is_timed_by_its_epochs(tiny: Case) -> None:
    data = tiny.data()
    sets = network_plain.sets_of(tiny, data)
    for timed in (
        ours(tiny, data, "cpu", 3),
        network_plain.train(tiny, sets, "cpu", 3, tiny.rows, workers=0),
    ):
        assert len(timed.epoch_seconds) == 2
        assert timed.rows == tiny.rows
        assert timed.epoch > 0


def test_who_shares_trains_in_windows_and_a_failure_is_told(
    tiny: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_sharing, "ROWS", tiny.rows)
    mine, theirs = Pipe()
    thread = Thread(target=serve, args=(theirs, "cpu", False, True), daemon=True)
    thread.start()
    crowd = Crowd([mine])
    with crowd.training(tiny):
        assert crowd.rate(1, 0.01, tiny.rows) > 0
        assert crowd.rate(1, 0.01, tiny.rows) > 0
    unknown = replace(tiny, model="gpt")
    with pytest.raises(ValueError, match="unknown model"), crowd.training(unknown):
        pass
    with crowd.training(tiny):
        pass
    mine.close()
    thread.join(10)
    assert not thread.is_alive()


def test_the_floor_is_the_larger_of_arithmetic_and_memory() -> None:
    resnet, efficientnet = (network_floor.seconds_per_step(case, None) for case in CASES[:2])
    assert 2e-5 < efficientnet < resnet < 1e-3
    short, long = (network_floor.seconds_per_step(case, case.data()) for case in TEXTS[::2][:2])
    assert 5e-4 < short < long < 1e-2


def test_what_outgrows_its_part_of_a_gpu_is_lost() -> None:
    told, measured = np.array([4, 4, 30, 200]), np.array([5, 7, 20, 200])
    assert network_memory.lost(told, measured, 20) == {
        "fitting": 2,
        "by_prediction": 2,
        "fixed_quarter": 1,
    }
    assert network_memory.lost(told, measured, 112)["by_prediction"] == 0


def test_made_up_texts_have_the_lengths_of_the_real_ones() -> None:
    for dataset, middle in (("imdb", 229), ("ag-news", 49)):
        assert np.median(lengths(dataset, 10_000)) == pytest.approx(middle, rel=0.02)
    packed = np.minimum(lengths("imdb", 10_000) + 2, 512).mean()
    assert 512 / packed == pytest.approx(1.87, abs=0.03)


def test_a_dry_run_writes_no_results_and_a_failure_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(network, "RESULTS", tmp_path / "network.json")
    monkeypatch.setattr(network, "shrunk", lambda case: case)
    bench = network.Bench(dry=True)
    row = bench.attempt(7, "x", lambda: {}["missing"])
    assert row["error"] == "KeyError: 'missing'"
    bench.attempt(8, "y", lambda: {"gain": 2.0, "wanted": 1.8, "met": True})
    assert "gain 2" in (shown := capsys.readouterr().out)
    assert "goal 1.8 met" not in shown
    assert not (tmp_path / "network.json").exists()
    bench.dry = False
    bench.attempt(7, "z", lambda: {"times": np.float64(2.0), "wanted": 1.8, "met": True})
    assert "goal 1.8 met" in capsys.readouterr().out
    kept = json.loads((tmp_path / "network.json").read_text())
    assert [row["case"] for row in kept["measures"]] == ["x", "y", "z"]


def test_without_a_gpu_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("sys.argv", ["network"])
    with pytest.raises(SystemExit) as ended:
        network.main()
    assert ended.value.code == 2
    assert "PyTorch sees no GPU here. With --dry-run" in capsys.readouterr().err
