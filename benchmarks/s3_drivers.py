"""What one radiograph costs in a bucket: processor time of boto3 beside obstore, for decision 0023.

Start a server and run it; wall time is the server's as much as the driver's, so only processor time counts::

    rclone serve s3 --addr 127.0.0.1:9100 --auth-key bench,bench-secret --vfs-cache-mode full /tmp/bench-s3
    AWS_ACCESS_KEY_ID=bench AWS_SECRET_ACCESS_KEY=bench-secret \
        python -m benchmarks.s3_drivers http://127.0.0.1:9100
"""

import base64
import hashlib
import os
import statistics
import sys
import time
from collections.abc import Callable

from lingula.stores.s3 import S3Store
from lingula.stores.s3_client import open_client, open_session, read_address

BUCKET = "lingula-bench"
OBJECT_BYTES = 130_000  # the mean of 624 full-size JPEGs
CALLS, PASSES = 400, 7


def main() -> None:
    """Print milliseconds of processor time for each call, the median of several passes in turns."""
    endpoint = sys.argv[1]
    store = S3Store(read_address(f"s3://{BUCKET}/?endpoint={endpoint}"))
    client = open_client(open_session(None), endpoint)
    data = os.urandom(OBJECT_BYTES)

    def put(key: str) -> object:
        digest = base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()
        return client.put_object(Bucket=BUCKET, Key=key, Body=data, ContentMD5=digest)

    ways: dict[str, tuple[Callable[[str], object], Callable[[str], object]]] = {
        "put": (put, lambda key: store.put(key, data)),
        "get": (lambda key: client.get_object(Bucket=BUCKET, Key=key)["Body"].read(), store.get),
        "delete": (lambda key: client.delete_object(Bucket=BUCKET, Key=key), store.delete),
    }
    store.check()
    store.put("north/0", data)
    print(f"{OBJECT_BYTES:,} bytes, {CALLS} calls, median of {PASSES} passes; ms of processor time a call")
    for name, (by_boto3, by_obstore) in ways.items():
        spent = [(_spent_ms(by_boto3), _spent_ms(by_obstore)) for _ in range(PASSES)]
        boto3_ms, obstore_ms = (statistics.median(one) for one in zip(*spent, strict=True))
        print(f"{name:8} boto3 {boto3_ms:.2f}   obstore, as the store uses it {obstore_ms:.2f}")
        if name == "delete":
            continue
        for number in range(CALLS):
            store.put(f"north/{number}", data)
    store.close()
    client.close()


def _spent_ms(call: Callable[[str], object]) -> float:
    began = time.process_time()
    for number in range(CALLS):
        call(f"north/{number}")
    return 1000 * (time.process_time() - began) / CALLS


if __name__ == "__main__":
    main()
