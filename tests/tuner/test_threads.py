"""The driver's linear algebra leaves the cores to the trials."""

import numpy
from threadpoolctl import threadpool_info, threadpool_limits

from tuner.threads import one_thread


def blas_threads() -> set[int]:
    numpy.linalg.cholesky(numpy.eye(2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_what_learns_from_the_past_uses_one_thread_and_gives_the_others_back() -> None:
    with threadpool_limits(2, "blas"):
        assert one_thread(blas_threads)() == {1}
        assert blas_threads() == {2}
