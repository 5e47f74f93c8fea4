"""A bucket of an in-process S3 protocol server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

from tests.support import free_port

KEYS = {"region": "us-east-1", "access_key": "test", "secret_key": "test"}


@contextmanager
def served(name: str) -> Iterator[Mapping[str, str]]:
    """The settings of a store in an empty bucket of this name."""
    port = free_port()
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    url = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.create_bucket(Bucket=name)
    client.close()
    try:
        yield {"kind": "s3", "endpoint": url, "bucket": name, **KEYS}
    finally:
        server.stop()
