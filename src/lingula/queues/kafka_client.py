"""How Kafka is reached: the driver's settings made from a URL, and what is asked of the cluster as a whole."""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from lingula.errors import BackendUnavailable
from lingula.queues.address import TLS_OPTIONS, Address, read_address

OPTIONS = ("group", "lease_seconds", "partitions", "tls", "mechanism", "config", *TLS_OPTIONS)
ANSWER_SECONDS = 5.0
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_LIBRARY = {"ca": "ssl.ca.location", "certificate": "ssl.certificate.location", "key": "ssl.key.location"}
_ALREADY_EXISTS, _UNKNOWN_TOPIC = 36, 3  # Kafka's error codes
_CRITICAL = 2  # syslog's number: what ends a connection is told by the errors we raise

DriverSettings = dict[str, str | int | float | bool]


def read_kafka_url(url: str, setting: str) -> tuple[Address, DriverSettings]:
    """Read a URL and give what every client of the driver is told; raises `SettingsError`."""
    address = read_address(url, setting=setting, port=9092, options=OPTIONS)
    told: DriverSettings = dict(_file_settings(address))
    has_tls = address.options.get("tls", "0") == "1"
    if address.options.get("tls", "0") not in {"0", "1"}:
        raise address.refused("tls must be 0 or 1")
    for option, name in _LIBRARY.items():
        path = address.file(option)
        if path is not None and not has_tls:
            raise address.refused(f"{option} needs tls=1")
        if path is not None:
            told[name] = path
    if address.user is not None:
        mechanism = address.options.get("mechanism", "SCRAM-SHA-512")
        if mechanism not in _MECHANISMS:
            raise address.refused(f"mechanism must be one of {', '.join(_MECHANISMS)}")
        told |= {
            "sasl.mechanism": mechanism,
            "sasl.username": address.user,
            "sasl.password": address.password or "",
        }
    if has_tls or address.user is not None:
        told["security.protocol"] = ("SASL_" if address.user else "") + ("SSL" if has_tls else "PLAINTEXT")
    told |= {"bootstrap.servers": address.shown, "client.id": "lingula", "log_level": _CRITICAL}
    return address, told


def _file_settings(address: Address) -> Mapping[str, str]:
    """Read the driver's own settings from a file of ``name=value`` lines, as every Kafka tool knows them."""
    path = address.file("config")
    if path is None:
        return {}
    lines = [line.strip() for line in Path(path).read_text("utf-8").splitlines()]
    pairs = [line.partition("=") for line in lines if line and not line.startswith("#")]
    if not all(equals for _, equals, _ in pairs):
        raise address.refused(f"{path} must hold lines name=value")
    return {name.strip(): value.strip() for name, _, value in pairs}


class KafkaCluster:
    """Looks at a topic from outside its group: is it there, and how much of it is not read yet.

    Parameters
    ----------
    partitions
        How many the topic gets if it has to be made.
    """

    def __init__(self, address: Address, told: DriverSettings, *, topic: str, group: str, partitions: int) -> None:
        self._told = told
        self._topic = topic
        self._partitions = partitions
        self._where = address.shown
        self._lock = Lock()
        self._is_there = False
        try:
            # A consumer that never subscribes: it sees the group's offsets and takes no part in it.
            self._watcher = Consumer({**told, "group.id": group, "enable.auto.commit": False})
        except KafkaException as error:
            raise address.refused(f"Kafka's driver refuses the settings: {error}") from error

    def ensure_topic(self) -> None:
        """Make the topic if it is not there; raises `BackendUnavailable`."""
        with self._lock:
            if self._is_there:
                return
            self._partition_numbers(may_be_missing=True)
            self._is_there = True

    def check(self) -> None:
        """Return if the cluster answers and has the topic; raises `BackendUnavailable`."""
        with self._lock:
            self._partition_numbers(may_be_missing=True)

    def unread(self, positions: Mapping[int, int]) -> int:
        """Count what is in the topic behind the given positions, or else behind what the group has committed.

        Raises
        ------
        BackendUnavailable
            If the cluster does not answer.
        """
        with self._lock:
            numbers = self._partition_numbers(may_be_missing=True)
            others = [TopicPartition(self._topic, number) for number in numbers if number not in positions]
            try:
                committed = self._watcher.committed(others, timeout=ANSWER_SECONDS) if others else []
                begun = {**{part.partition: part.offset for part in committed}, **positions}
                return sum(self._behind(number, offset) for number, offset in begun.items())
            except KafkaException as error:
                raise self.unavailable(error) from error

    def unavailable(self, why: object) -> BackendUnavailable:
        """Make the error that says so."""
        return BackendUnavailable(f"Kafka at {self._where} does not answer: {why}")

    def close(self) -> None:
        """Let go of the connections."""
        self._watcher.close()

    def _behind(self, number: int, offset: int) -> int:
        marks = self._watcher.get_watermark_offsets(TopicPartition(self._topic, number), timeout=ANSWER_SECONDS)
        if marks is None:
            raise self.unavailable("no answer about the topic's end")
        low, high = marks
        return int(max(0, high - max(low, offset)))

    def _partition_numbers(self, *, may_be_missing: bool) -> list[int]:
        try:
            topic = self._watcher.list_topics(self._topic, timeout=ANSWER_SECONDS).topics[self._topic]
        except KafkaException as error:
            raise self.unavailable(error) from error
        if topic.error is None:
            return sorted(topic.partitions)
        if topic.error.code() != _UNKNOWN_TOPIC or not may_be_missing:
            raise self.unavailable(topic.error)
        self._make_topic()
        return list(range(self._partitions))

    def _make_topic(self) -> None:
        wanted = NewTopic(self._topic, num_partitions=self._partitions, replication_factor=-1)  # -1: as the broker says
        try:
            admin = AdminClient(self._told)  # named, or it is gone before it has the answer
            admin.create_topics([wanted], request_timeout=ANSWER_SECONDS)[self._topic].result()
        except KafkaException as error:
            if error.args[0].code() != _ALREADY_EXISTS:
                raise self.unavailable(f"topic {self._topic!r} is not there and cannot be made: {error}") from error
