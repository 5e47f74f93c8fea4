"""Settings of stores: each mistake names the store, the key and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.store import InvalidStore, open_stores


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"kind": "ftp"}, "stores.disk.kind is 'ftp'; allowed: local, s3"),
        ({}, "allowed: local, s3"),
        ({"kind": "local"}, "root"),
        ({"kind": "local", "root": "/", "rot": "/"}, "rot"),
        ({"kind": "local", "root": "/no/such/folder"}, "stores.disk.root: /no/such/folder is no folder"),
        ({"kind": "s3", "endpoint": "http://x"}, "access_key, bucket, region, secret_key"),
    ],
)
def test_wrong_settings(settings: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidStore, match=message):
        open_stores({"disk": settings})


def test_many_stores(tmp_path: Path) -> None:
    one, two = (tmp_path / n for n in ("one", "two"))
    one.mkdir()
    two.mkdir()
    stores = open_stores({n.name: {"kind": "local", "root": str(n)} for n in (one, two)})
    assert stores["one"].path("x") == one / "x"
    assert stores["two"].path("x") == two / "x"
