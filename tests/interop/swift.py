"""A real OpenStack Swift with its S3 interface, on the loopback, in a folder of its own."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import free_port

SERVERS = ("account", "container", "object")
PROGRAMS = ("memcached", "swift-ring-builder", *(f"swift-{name}-server" for name in (*SERVERS, "proxy")))
ACCESS_KEY, SECRET_KEY, REGION = "test:tester", "testing", "us-east-1"
USER = getpass.getuser()
READY_SECONDS = 60
PIPELINE = "catch_errors gatekeeper healthcheck cache listing_formats bulk s3api tempauth slo dlo versioned_writes"
FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "listing_formats", "bulk", "slo", "dlo", "versioned_writes")

STORAGE = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
workers = 0
swift_dir = {folder}
devices = {folder}/srv
mount_check = false
log_level = WARNING

[pipeline:main]
pipeline = healthcheck {name}-server

[app:{name}-server]
use = egg:swift#{name}

[filter:healthcheck]
use = egg:swift#healthcheck
"""
PROXY = """[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
user = {user}
workers = 0
swift_dir = {folder}
log_level = WARNING

[pipeline:main]
pipeline = {pipeline} proxy-server

[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true

[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}

[filter:s3api]
use = egg:swift#s3api
location = us-east-1

[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
"""


@dataclass(frozen=True)
class Swift:
    """Where it answers, and with which credentials."""

    endpoint: str
    region: str = REGION
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY


def require(*programs: str) -> None:
    """Skip, naming what is missing, where a person runs the tests; fail in continuous integration."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("CI") == "true":
        pytest.fail(f"programs missing: {', '.join(missing)}")
    if missing:
        pytest.skip(f"programs missing: {', '.join(missing)}")


@contextmanager
def running(folder: Path) -> Iterator[Swift]:
    """Swift with all its data below ``folder``; ready when entered, gone when left."""
    require(*PROGRAMS)
    ports = {name: free_port() for name in (*SERVERS, "proxy", "memcached")}
    (folder / "srv/d1").mkdir(parents=True)
    (folder / "swift.conf").write_text("[swift-hash]\nswift_hash_path_suffix = s\nswift_hash_path_prefix = p\n")
    for name in SERVERS:
        _ring(folder, name, ports[name])
        (folder / f"{name}.conf").write_text(STORAGE.format(port=ports[name], folder=folder, name=name, user=USER))
    filters = "".join(f"\n[filter:{name}]\nuse = egg:swift#{name}\n" for name in FILTERS)
    proxy = PROXY.format(port=ports["proxy"], folder=folder, pipeline=PIPELINE, memcached=ports["memcached"], user=USER)
    (folder / "proxy.conf").write_text(proxy + filters)
    with ExitStack() as stack:
        stack.enter_context(_process(folder, "memcached", "-u", USER, "-l", "127.0.0.1", "-p", str(ports["memcached"])))
        for name in (*SERVERS, "proxy"):
            stack.enter_context(_process(folder, f"swift-{name}-server", str(folder / f"{name}.conf")))
        for name in (*SERVERS, "proxy"):
            _wait(f"http://127.0.0.1:{ports[name]}/healthcheck", folder)
        yield Swift(f"http://127.0.0.1:{ports['proxy']}")


def _ring(folder: Path, name: str, port: int) -> None:
    builder = f"{name}.builder"
    for arguments in (("create", "6", "1", "1"), ("add", f"r1z1-127.0.0.1:{port}/d1", "1"), ("rebalance",)):
        subprocess.run(
            ["swift-ring-builder", builder, *arguments], cwd=folder, check=True, capture_output=True, timeout=60
        )


@contextmanager
def _process(folder: Path, *command: str) -> Iterator[None]:
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _wait(url: str, folder: Path) -> None:
    until = time.monotonic() + READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if time.monotonic() > until:
                raise RuntimeError(f"{url} is not ready: {(folder / 'log.txt').read_text()[-2000:]}") from error
            time.sleep(0.2)
