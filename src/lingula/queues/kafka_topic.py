"""A Kafka topic that others publish to, such as Ceph RGW, MinIO or a bridge from AWS."""

from collections.abc import Sequence

from lingula.queues.kafka_client import KafkaCluster, read_kafka_url
from lingula.queues.kafka_reader import KafkaReader
from lingula.queues.topic import DEFAULT_NAME, SETTING, Message

_MOST_IN_HAND = 200  # messages may be large, and each names radiographs that take a while
_GROUP = "lingula-notifications"  # not the queue's: a group is balanced over all it reads


class KafkaTopic:
    """Messages of one topic.

    >>> topic = KafkaTopic.from_url("kafka://127.0.0.1:9092/xray-images")  # doctest: +SKIP
    """

    def __init__(self, cluster: KafkaCluster, reader: KafkaReader) -> None:
        self._cluster = cluster
        self._reader = reader

    @classmethod
    def from_url(cls, url: str) -> "KafkaTopic":
        """Open ``kafka://[user:password@]host:9092[,host...]/TOPIC?group=lingula-notifications&lease_seconds=60``.

        Raises
        ------
        SettingsError
            If the URL is of another form, or the driver refuses what it says.
        """
        address, told = read_kafka_url(url, SETTING)
        name = address.named(address.name or DEFAULT_NAME, "[A-Za-z0-9._-]{1,249}", "topic")
        group = address.named(address.options.get("group", _GROUP), "[A-Za-z0-9._-]{1,249}", "group")
        lease_seconds = address.seconds("lease_seconds", 60.0)
        partitions = address.whole("partitions", 4, 1000)
        cluster = KafkaCluster(address, told, topic=name, group=group, partitions=partitions)
        told["group.id"] = group
        return cls(
            cluster,
            KafkaReader(cluster, told, topic=name, lease_seconds=lease_seconds, most_in_hand=_MOST_IN_HAND),
        )

    def take(self, at_most: int, wait_seconds: float) -> Sequence[Message]:
        """Lease up to `at_most` messages; raises `BackendUnavailable`."""
        self._cluster.ensure_topic()
        taken = self._reader.take(at_most, wait_seconds)
        return [Message(data=data, receipt=receipt) for data, receipt in taken]

    def done(self, message: Message) -> None:
        """Acknowledge a message: it is committed once all before it are done too."""
        self._reader.done(message.receipt)

    def check(self) -> None:
        """Return if Kafka answers; raises `BackendUnavailable`."""
        self._cluster.check()

    def close(self) -> None:
        """Commit what is done, leave the group and let go of all connections."""
        self._reader.close()
        self._cluster.close()
