"""How many threads the driver's own linear algebra uses: one."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

P = ParamSpec("P")
R = TypeVar("R")


def one_thread(function: Callable[P, R]) -> Callable[P, R]:
    """Decorates what learns from the past.

    Its matrices are small; BLAS threads that wait for each other while trials hold the cores make
    it a hundred times slower.
    """
    limited: Callable[P, R] = threadpool_limits.wrap(limits=1, user_api="blas")(function)
    return limited
