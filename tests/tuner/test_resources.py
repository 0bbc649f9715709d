"""How trials fit on machines."""

import pytest

from meta.space import Int, SearchSpace
from meta.study import Metric, Task
from tuner.config import Resources, StudyConfig
from tuner.errors import EnvironmentFault
from tuner.packing import Gpus
from tuner.resources import Allotment, Node, allot, predictor, this_machine

TWO_CORES = Node(2, 0)
H200 = Node(20, 1, 150, "H200")


@pytest.mark.parametrize(
    ("resources", "nodes", "expected"),
    [
        (Resources(), [TWO_CORES], Allotment(1, 0, 2)),
        (Resources(cpu=2), [TWO_CORES], Allotment(2, 0, 1)),
        (Resources(concurrency=1), [TWO_CORES], Allotment(1, 0, 1)),
        (Resources(concurrency=9), [TWO_CORES], Allotment(1, 0, 2)),
        (Resources(), [Node(8, 1)], Allotment(1, 0, 8)),
        (Resources(gpu=1), [Node(8, 1)], Allotment(1, 1, 1, Gpus(1, 0, 1, 1))),
        (Resources(gpu=0.25), [Node(8, 1)], Allotment(1, 0.25, 4, Gpus(1, 0, 0.25, 4))),
        (Resources(cpu=4, gpu=0.25), [Node(8, 1)], Allotment(4, 0.25, 2, Gpus(1, 0, 0.25, 2))),
        (
            Resources(gpu=0.5),
            [Node(8, 1), Node(8, 2), TWO_CORES],
            Allotment(1, 0.5, 6, Gpus(3, 0, 0.5, 2)),
        ),
        (Resources(), [H200], Allotment(1, 1, 16, Gpus(1, 150, "auto", 16), "H200")),
        (Resources(cpu=4), [H200], Allotment(4, 1, 5, Gpus(1, 150, "auto", 5), "H200")),
        (
            Resources(gpu_memory=1e-7),
            [H200],
            Allotment(1, 1, 16, Gpus(1, 100, "auto", 16), "H200"),
        ),
        (Resources(cpu=0.5, gpu=0), [TWO_CORES], Allotment(0.5, 0, 4)),
    ],
)
def test_as_many_run_at_once_as_fit(
    resources: Resources, nodes: list[Node], expected: Allotment
) -> None:
    assert allot(resources, nodes) == expected


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        (Resources(cpu=64), "resources.cpu: the largest node has 2 CPUs, asked 64. Use --set"),
        (Resources(gpu=0.25), "resources.gpu: no GPU in the cluster, asked 0.25. Use --set"),
    ],
)
def test_what_the_cluster_lacks_is_refused_with_a_way_out(
    resources: Resources, message: str
) -> None:
    with pytest.raises(EnvironmentFault, match=message):
        allot(resources, [TWO_CORES])


def test_all_that_is_lacking_is_said_at_once() -> None:
    with pytest.raises(EnvironmentFault) as caught:
        allot(Resources(cpu=64, gpu=1), [TWO_CORES])
    assert len(caught.value.faults) == 2


def test_threads_and_device_follow_from_the_allotment() -> None:
    assert (Allotment(2, 0, 1).threads, Allotment(0.5, 0, 1).threads) == (2, 1)
    assert (Allotment(1, 0, 1).device, Allotment(1, 0.5, 1).device) == ("cpu", "cuda")


def test_this_machine_has_a_cpu() -> None:
    assert this_machine().cpus >= 1


def test_memory_that_a_trainable_fails_to_tell_is_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    space = SearchSpace({"max_seq_length": Int(1, 9999, default=64)})
    config = StudyConfig(Task("imdb", "bert-tiny"), "text", Metric("accuracy", "max"), space)
    ask = predictor(config)
    assert ask({"max_seq_length": 64}) > 0
    assert [ask({"max_seq_length": 9999}) for _ in range(2)] == [0, 0]
    assert capsys.readouterr().err.count("max_seq_length: 3 to 512 expected, got 9999") == 1


def test_a_machine_that_binds_no_process_to_cpus_has_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: 12)
    assert this_machine().cpus == 12
