"""Random joined questions equal the files of the real family: exactly for who was granted all, after the floor for
anyone (issue of the federation, "Done when")."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.node.demo.conftest import RunningDemo, started
from tests.prove.join.asking import NEAR, prove
from tests.support import shared

SEED = int(os.environ.get("GSANODE_SEED", "1"))


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    data = shared("data/README.md").parent
    with started(tmp_path_factory.mktemp("real") / "family", "--source", str(data)) as demo:
        yield demo


@pytest.mark.prove
@pytest.mark.timeout(3600)
def test_join_two_hundred_random_questions_of_each_caller(real: RunningDemo) -> None:
    outcomes = prove(real.family, real.folder, SEED, 200)
    print(dict(sorted(outcomes.items())))
    assert outcomes["controlled some"] >= 60, "many questions must find somebody"
    assert outcomes["anyone some"] >= 40
    assert outcomes["anyone suppressed"] >= 20
    assert outcomes["near"] == NEAR, "were the rule of near questions lost, as many would be wrong"
