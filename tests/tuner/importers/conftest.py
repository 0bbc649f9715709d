"""The store that studies are imported to, and sources as their tools write them."""

from tests.tuner.tracking.conftest import _new_store, _no_waiting_for_the_disk, client, store, uri

__all__ = ["_new_store", "_no_waiting_for_the_disk", "client", "store", "uri"]
