"""Numbers for dashboards and alerts, counted from events and looked up when they are asked for.

Labels are a site's name, a door, a status, a band or a place: never an id and never an identity. `requests_total` and
`pneumonia_total` are kept for dashboards of hospital pipelines of this kind.

References
----------
Prometheus, "Metric and label naming": https://prometheus.io/docs/practices/naming/
"""

import logging
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from lingula import __version__
from lingula.errors import LingulaError
from lingula.radiology.study import Band
from lingula.triage.events import (
    AssessmentFailed,
    Event,
    InstanceAssessed,
    InstanceNotEligible,
    InstanceReceived,
    InstanceReceivedAgain,
    InstanceReplayed,
    StudyClaimed,
    StudyReviewed,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds; the budget of an assessment is milliseconds, a backlog's wait is minutes, a doctor's is hours.
_FAST = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_WAITS = (0.01, 0.05, 0.25, 1, 5, 30, 60, 300, 900, 3600, 14400, 43200, 86400)
_TENTHS = tuple(number / 10 for number in range(1, 11))
_NOVELTY = (0.25, 0.5, 0.75, 1, 1.5, 2, 4)

Look = Callable[[], Sequence[tuple[tuple[str, ...], float]]]
"""Gives label values with their number, when the metrics are asked for."""

_log = logging.getLogger(__name__)


class Metrics:
    """Counts events and writes them in Prometheus' text format; one per running system.

    >>> metrics = Metrics()
    >>> "lingula_received_total" in metrics.render().decode()
    True
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._received = self._counter("lingula_received", "Radiographs stored and recorded.", "site", "door")
        self._again = self._counter("lingula_received_again", "Radiographs sent once more.", "site", "door")
        self._bytes = self._counter("lingula_received_bytes", "Bytes stored and recorded.", "site")
        self._finished = self._counter(
            "lingula_finished", "Instances that left `received`, by outcome.", "site", "status"
        )
        self._bands = self._counter("lingula_assessed", "Assessed instances by band.", "site", "band", "package")
        self._attempts = self._counter("lingula_failed_attempts", "Attempts to assess that failed.", "site")
        self._replayed = self._counter("lingula_replayed", "Failed instances that were tried again.", "site")
        self._claimed = self._counter("lingula_claimed", "Studies opened by a doctor.", "site")
        self._reviewed = self._counter("lingula_reviewed", "Verdicts left by doctors.", "site", "verdict")
        self._receiving = self._histogram("lingula_receive_seconds", "From bytes to recorded.", _FAST)
        self._assessing = self._histogram("lingula_assess_seconds", "Work of one assessment.", _FAST)
        self._waiting = self._histogram("lingula_wait_seconds", "From arrival to statement.", _WAITS)
        self._reviewing = self._histogram("lingula_review_wait_seconds", "From arrival to verdict.", _WAITS)
        self._probability = self._histogram("lingula_probability", "Probabilities stated, for drift.", _TENTHS)
        self._novelty = self._histogram("lingula_novelty", "Novelty of assessed instances, for drift.", _NOVELTY)
        self._requests = self._counter("requests", "Radiographs that were given an answer; kept for old dashboards.")
        self._pneumonia = self._counter("pneumonia", "Radiographs with pneumonia likely; kept for old dashboards.")
        self.watch("lingula_info", "The running version.", ("version",), lambda: [((__version__,), 1.0)])

    def count(self, event: Event) -> None:
        """Count one event; costs microseconds and never fails."""
        match event:
            case InstanceReceived():
                self._received.labels(event.site, event.door).inc()
                self._bytes.labels(event.site).inc(event.size_bytes)
                self._receiving.observe(event.seconds)
            case InstanceReceivedAgain():
                self._again.labels(event.site, event.door).inc()
            case InstanceReplayed():
                self._replayed.labels(event.site).inc()
            case StudyClaimed():
                self._claimed.labels(event.site).inc()
            case StudyReviewed():
                self._reviewed.labels(event.site, event.verdict).inc()
                self._reviewing.observe(event.waited_seconds)
            case _:
                self._count_outcome(event)

    def watch(self, name: str, meaning: str, labels: Sequence[str], look: Look) -> None:
        """Add a gauge that is looked up whenever the metrics are asked for; left out while its place is down."""
        self._registry.register(_Gauge(name, meaning, labels, look))

    def render(self) -> bytes:
        """Write everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def _count_outcome(self, event: Event) -> None:
        match event:
            case InstanceAssessed():
                self._finished.labels(event.site, "assessed").inc()
                self._bands.labels(event.site, event.band, event.package).inc()
                self._assessing.observe(event.seconds)
                self._waiting.observe(event.waited_seconds)
                self._probability.observe(event.probability)
                self._novelty.observe(event.novelty)
                self._requests.inc()
                if event.band is Band.LIKELY:
                    self._pneumonia.inc()
            case InstanceNotEligible():
                self._finished.labels(event.site, "not eligible").inc()
                self._waiting.observe(event.waited_seconds)
                self._requests.inc()
            case AssessmentFailed():
                self._attempts.labels(event.site).inc()
                if event.is_parked:
                    self._finished.labels(event.site, "failed").inc()
                    self._requests.inc()

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(name, meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(name, meaning, buckets=buckets, registry=self._registry)


class _Gauge(Collector):
    def __init__(self, name: str, meaning: str, labels: Sequence[str], look: Look) -> None:
        self._name, self._meaning, self._labels, self._look = name, meaning, labels, look

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name the gauge without looking, so that registering touches no place."""
        return [GaugeMetricFamily(self._name, self._meaning, labels=self._labels)]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Look the numbers up."""
        family = GaugeMetricFamily(self._name, self._meaning, labels=self._labels)
        try:
            for values, number in self._look():
                family.add_metric(values, number)
        except LingulaError as error:
            _log.warning("a gauge cannot be looked up", extra={"action": self._name, "reason": str(error)})
        return [family]
