"""The process of `servers.kafka`: librdkafka's mock cluster, opened by its C interface, which can skip a group's wait.

References
----------
librdkafka, rdkafka_mock.h.
"""

import ctypes
import sys
from pathlib import Path

import confluent_kafka

_ERROR_BYTES = 512
_PRODUCER = 0  # rd_kafka_type_t


def _serve() -> None:
    """Open a cluster of one broker that lets groups form at once, print where it is, and stay until stdin ends."""
    folder = Path(confluent_kafka.__file__).parent.with_suffix(".libs")
    (path,) = folder.glob("librdkafka*")
    library = ctypes.CDLL(str(path))
    library.rd_kafka_conf_new.restype = ctypes.c_void_p
    library.rd_kafka_new.restype = ctypes.c_void_p
    library.rd_kafka_new.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
    library.rd_kafka_mock_cluster_new.restype = ctypes.c_void_p
    library.rd_kafka_mock_cluster_new.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    library.rd_kafka_mock_cluster_bootstraps.argtypes = [ctypes.c_void_p]
    library.rd_kafka_mock_group_initial_rebalance_delay_ms.argtypes = [ctypes.c_void_p, ctypes.c_int32]
    error = ctypes.create_string_buffer(_ERROR_BYTES)
    client = library.rd_kafka_new(_PRODUCER, library.rd_kafka_conf_new(), error, _ERROR_BYTES)
    cluster = library.rd_kafka_mock_cluster_new(client, 1)
    library.rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0)
    sys.stdout.write(library.rd_kafka_mock_cluster_bootstraps(cluster).decode() + "\n")
    sys.stdout.flush()
    library.rd_kafka_mock_set_controller_id.argtypes = [ctypes.c_void_p, ctypes.c_int32]
    library.rd_kafka_mock_set_controller_id(cluster, 1)
    library.rd_kafka_mock_topic_create.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_int]
    library.rd_kafka_mock_broker_set_down.argtypes = [ctypes.c_void_p, ctypes.c_int32]
    library.rd_kafka_mock_broker_set_up.argtypes = [ctypes.c_void_p, ctypes.c_int32]
    for line in sys.stdin:
        match line.split():
            case ["topic", name, partitions]:
                library.rd_kafka_mock_topic_create(cluster, name.encode(), int(partitions), 1)
            case ["down"]:
                library.rd_kafka_mock_broker_set_down(cluster, 1)
            case ["up"]:
                library.rd_kafka_mock_broker_set_up(cluster, 1)
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _serve()
