"""The pools of this process as metrics: read when somebody asks, at no price for calls."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from service.adapters.kept_objects import KeptObjects
from service.adapters.metrics_upkeep import UpkeepTally, of_upkeep
from service.adapters.pictures import PicturePool
from service.adapters.postgres.bell import PostgresBell
from service.adapters.postgres.database import Database
from service.ports.observing import TransferFigures


@dataclass(frozen=True, slots=True)
class Parts:
    """What a process has of its own."""

    database: Database
    pictures: PicturePool
    bell: PostgresBell
    kept: KeptObjects
    upkeep: UpkeepTally = field(default_factory=UpkeepTally)


class PartsCollector(Collector):
    """Reads the parts. Prometheus calls it a collector."""

    def __init__(self, parts: Parts, transfers: Callable[[], TransferFigures]) -> None:
        self._parts = parts
        self._transfers = transfers

    def collect(self) -> Iterator[Metric]:
        """Yield what the parts say of themselves now."""
        yield GaugeMetricFamily("me_images_watchers", "Callers of WatchMeImages now.", self._parts.bell.watchers)
        yield from _of_transfers(self._transfers())
        yield from _of_kept(self._parts.kept)
        yield from _of_pictures(self._parts.pictures)
        yield from _of_database(self._parts.database)
        yield from of_upkeep(self._parts.upkeep)


def _of_transfers(now: TransferFigures) -> Iterator[Metric]:
    held = GaugeMetricFamily(
        "me_images_transfer_bytes",
        "Bytes of photos in memory: whole for transfers that run, what has come for uploads that begin or are slow.",
        labels=("state",),
    )
    held.add_metric(("whole",), now.held)
    held.add_metric(("arriving",), now.arriving)
    yield held
    yield GaugeMetricFamily("me_images_transfers_waiting", "Transfers that wait for room in memory.", now.waiting)


def _of_kept(kept: KeptObjects) -> Iterator[Metric]:
    yield GaugeMetricFamily("me_images_kept_object_bytes", "Sealed objects kept in memory.", kept.held_bytes)
    reads = CounterMetricFamily("me_images_object_reads", "Sealed objects that were read.", labels=("source",))
    reads.add_metric(("memory",), kept.kept_reads)
    reads.add_metric(("bucket",), kept.fetched_reads)
    yield reads


def _of_pictures(pictures: PicturePool) -> Iterator[Metric]:
    yield GaugeMetricFamily("me_images_decoders", "Decoder processes.", pictures.workers)
    yield GaugeMetricFamily("me_images_decoders_busy", "Decoder processes that have a photo now.", pictures.busy)
    yield GaugeMetricFamily("me_images_decoder_queue_photos", "Photos that wait for a decoder.", pictures.waiting)
    replaced = CounterMetricFamily(
        "me_images_decoders_replaced",
        "Decoders that were replaced: worn after their last task; lost when they failed, were too slow or died.",
        labels=("why",),
    )
    replaced.add_metric(("worn",), pictures.worn)
    replaced.add_metric(("lost",), pictures.lost)
    yield replaced


def _of_database(database: Database) -> Iterator[Metric]:
    in_use, free = database.connections
    connections = GaugeMetricFamily(
        "me_images_database_connections", "Open connections of the pool.", labels=("state",)
    )
    connections.add_metric(("in_use",), in_use)
    connections.add_metric(("free",), free)
    yield connections
    waits = database.waits
    yield GaugeMetricFamily("me_images_database_waiting", "Calls that wait for a connection now.", waits.waiting)
    yield CounterMetricFamily("me_images_database_waits", "Times that a connection was asked for.", waits.ended)
    yield CounterMetricFamily(
        "me_images_database_wait_seconds",
        "Seconds that were waited for connections, all calls together.",
        waits.seconds,
    )
