"""What trainings used, added up."""

import pytest

from tuner.usage import Usage


def test_amounts_add_up_and_peaks_do_not() -> None:
    both = Usage(1.0, 2, 1.0, 0.5, 100, peak_gpu_bytes=7, energy_joules=3.0) + Usage(
        2.0, 1, 1.0, 1.5, 80, peak_gpu_bytes=9, energy_joules=4.0
    )
    assert (both.seconds, both.steps, both.cpu_seconds, both.energy_joules) == (3.0, 3, 2.0, 7.0)
    assert (both.cpu, both.peak_host_bytes, both.peak_gpu_bytes) == (1.0, 100, 9)


def test_percentages_are_weighted_by_time() -> None:
    both = Usage(1.0, gpu_percent=90.0) + Usage(3.0, gpu_percent=50.0)
    assert both.gpu_percent == pytest.approx(60.0)


def test_what_was_not_measured_stays_unknown_or_takes_the_measured_part() -> None:
    assert (Usage(1.0) + Usage(1.0)).gpu_percent is None
    assert (Usage(1.0) + Usage(1.0)).peak_gpu_bytes is None
    assert (Usage(1.0) + Usage(1.0, gpu_percent=40.0, mps=True)).gpu_percent == 40.0
    assert (Usage(1.0, mps=True) + Usage(1.0)).mps is True


def test_a_record_of_a_newer_version_can_be_read() -> None:
    assert Usage.from_json({"seconds": 1.0, "gpus": ["a"], "later": 3}) == Usage(1.0, gpus=("a",))
