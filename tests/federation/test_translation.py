"""Filter terms between vocabularies of nodes: exact matches only, always told, never where a node has its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from federation.mappings import read_mappings
from federation.settings import GatewaySettings
from tests.federation.family import MemberData, family
from tests.federation.test_join import members as linked_members
from tests.federation.test_network_beacon import ask, beacon, member, query
from tests.federation.test_registry import settings
from web.settings import SettingsError, validated

HEADER = "subject_id\tpredicate_id\tobject_id\tmapping_justification"
JUSTIFIED = "semapv:ManualMappingCuration"


def table(folder: Path, *rows: str, header: str = HEADER) -> str:
    path = folder / "terms.sssom.tsv"
    lines = ("#mapping_set_id: https://maps.test/1", header, *(f"{row}\t{JUSTIFIED}" for row in rows))
    path.write_text("\n".join(lines).replace(" ", "\t").replace("id:\t", "id: "))
    return str(path)


class Vocabulary:
    """A Beacon that knows some terms, says 400 to the others as ours do, and keeps what it was asked."""

    def __init__(self, name: str, *terms: str) -> None:
        self.asked: list[Any] = []
        self._name = name
        self._terms = terms

    async def answer(self, request: Request) -> Response:
        if request.method == "GET":
            ids = [one for one in parse_qs(request.url.query).get("filters", [""])[0].split(",") if one]
            self.asked.append(request.url.query)
        else:
            body = json.loads(await request.body())
            self.asked.append(body)
            ids = [one["id"] for one in body["query"].get("filters", [])]
        unknown = [one for one in ids if one not in self._terms]
        if unknown:
            return JSONResponse({"error": {"errorCode": 400, "errorMessage": f"unknown filter {unknown}"}}, 400)
        return beacon(self._name, "record", 3, [{"id": self._name}])(request)

    def member(self) -> MemberData:
        answer: Any = self.answer
        return member(("individuals", answer), terms=list(self._terms))


def lines(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {node["id"]: node for node in answer["info"]["nodes"]}


async def test_each_node_is_asked_in_its_own_vocabulary_and_the_answer_tells(tmp_path: Path) -> None:
    nodes = {
        "hpo": Vocabulary("hpo", "HP:1", "HP:2"),
        "ncit": Vocabulary("ncit", "NCIT:1"),
        "mondo": Vocabulary("mondo", "MONDO:1"),
        "both": Vocabulary("both", "HP:1", "NCIT:1"),
        "kin": Vocabulary("kin", "HP:3", "NCIT:1"),
        "neither": Vocabulary("neither", "SNOMED:1"),
        "broader": Vocabulary("broader", "DOID:1"),
    }
    mappings = table(
        tmp_path,
        "HP:1 skos:exactMatch NCIT:1",
        "MONDO:1 skos:exactMatch NCIT:1",
        "HP:1 skos:broadMatch DOID:1",
        "HP:1 skos:closeMatch SNOMED:1",
    )
    async with family(tmp_path, {name: node.member() for name, node in nodes.items()}, **loaded(mappings)) as running:
        sent = query("record", filters=[{"id": "HP:1", "scope": "individual"}])
        answer = await ask(running, "/individuals", sent)
        asked = {name: node.asked[-1]["query"]["filters"] for name, node in nodes.items()}
        own = [{"id": "HP:1", "scope": "individual"}]
        assert asked == {
            "hpo": own,
            "ncit": [{"id": "NCIT:1", "scope": "individual"}],
            "mondo": [{"id": "MONDO:1", "scope": "individual"}],
            "both": own,
            "kin": own,
            "neither": own,
            "broader": own,
        }
        assert nodes["hpo"].asked[-1] == sent
        first, second = (f"terms.sssom.tsv:{line} {JUSTIFIED}" for line in (3, 4))
        told = {name: line["translated"] for name, line in lines(answer).items() if "translated" in line}
        assert told == {
            "ncit": [{"asked": "HP:1", "sent": "NCIT:1", "by": [first]}],
            "mondo": [{"asked": "HP:1", "sent": "MONDO:1", "by": [first, second]}],
        }
        status = {name: line["status"] for name, line in lines(answer).items()}
        assert [name for name in status if status[name] == "answered"] == ["hpo", "ncit", "mondo", "both"]
        assert {status[name] for name in ("kin", "neither", "broader")} == {"cannot_answer"}
        marked = {one["info"]["node"]: one["info"].get("translated") for one in answer["response"]["resultSets"]}
        assert marked == {"hpo": None, "both": None, **told}
        assert answer["meta"]["receivedRequestSummary"]["filters"] == ["HP:1"], "what was asked"


async def test_gets_are_translated_in_their_filters_alone_and_the_stream_tells_too(tmp_path: Path) -> None:
    node = Vocabulary("ncit", "NCIT:1", "NCIT:2")
    mappings = table(tmp_path, "HP:1 skos:exactMatch NCIT:1")
    async with family(tmp_path, {"ncit": node.member()}, **loaded(mappings)) as running:
        answer = await running.client.get(
            "/ga4gh/beacon/v2/individuals?filters=NCIT:2,HP:1&skip=0&note=HP:1,%26x",
            headers={"Accept": "application/x-ndjson"},
        )
        assert parse_qs(node.asked[-1]) == {"filters": ["NCIT:2,NCIT:1"], "skip": ["0"], "note": ["HP:1,&x"]}
        event = json.loads(answer.text.splitlines()[0])
        assert [one["sent"] for one in event["node"]["translated"]] == ["NCIT:1"]
        assert event["response"]["resultSets"][0]["info"]["translated"] == event["node"]["translated"]
        await ask(running, "/individuals?filters=NCIT:2&x=a%20b")
        assert node.asked[-1] == "filters=NCIT:2&x=a%20b", "nothing to translate: unchanged to the letter"


@pytest.mark.parametrize("more", [{"operator": ">", "value": 5}, {"similarity": "high"}])
async def test_values_and_similar_terms_are_not_translated(tmp_path: Path, more: dict[str, Any]) -> None:
    node, other = Vocabulary("ncit", "NCIT:1"), Vocabulary("hpo", "HP:1")
    mappings = table(tmp_path, "HP:1 skos:exactMatch NCIT:1")
    async with family(tmp_path, {"ncit": node.member(), "hpo": other.member()}, **loaded(mappings)) as running:
        answer = await ask(running, "/individuals", query("record", filters=[{"id": "HP:1", **more}]))
        assert node.asked[-1]["query"]["filters"] == [{"id": "HP:1", **more}]
        assert lines(answer)["ncit"]["status"] == "cannot_answer"


async def test_a_search_translates_only_what_no_member_knows_and_explains_it(tmp_path: Path) -> None:
    mappings = table(
        tmp_path,
        "MP:1 skos:exactMatch HP:1",
        "MP:2 skos:broadMatch HP:2",
        "SNOMED:1 skos:exactMatch DCM:MR",
        "HP:2 skos:exactMatch DCM:CT",
        "MP:3 skos:exactMatch NOPE:3",
    )
    links = [("gsa-human", "obia")]
    async with family(tmp_path, linked_members(), links, **loaded(mappings)) as running:

        async def counted(*terms: str) -> Any:
            clauses = [
                {"entryType": "imagingStudy" if term[:3] in ("DCM", "SNO") else "individual", "filters": [{"id": term}]}
                for term in terms
            ]
            return (await running.search({"all": clauses, "explain": True})).json()

        own, other = await counted("HP:1", "DCM:MR"), await counted("MP:1", "SNOMED:1")
        assert own["count"] == other["count"] > 0
        by = {line: f"terms.sssom.tsv:{line} {JUSTIFIED}" for line in (3, 5)}
        told = {
            "gsa-human": [{"asked": "MP:1", "sent": "HP:1", "by": [by[3]]}],
            "obia": [{"asked": "SNOMED:1", "sent": "DCM:MR", "by": [by[5]]}],
        }
        assert {node["id"]: node["translated"] for node in other["nodes"]} == told
        steps = {step["node"]: step for step in other["plan"]["steps"] if step["node"] != "gateway"}
        assert {node: step["translated"] for node, step in steps.items()} == told
        assert steps["gsa-human"]["all"] == [{"entryType": "individual", "filters": [{"id": "HP:1"}]}]
        page = (await running.client.get("/", params={"term": "MP:1"})).text
        assert "GSA-HUMAN was asked for HP:1: it knows MP:1 under that name." in page
        kept = await counted("HP:2")
        assert [node["id"] for node in kept["nodes"]] == ["gsa-human"]
        assert not any("translated" in part for answer in (own, kept) for part in answer["nodes"])
        for term in ("MP:2", "MP:3", "MP:4"):
            assert f"no member knows the term '{term}'" in (await counted(term))["detail"]


WRONG: list[tuple[tuple[str, ...], str]] = [
    (("A:1 skos:exactMatch B:1", "A:1 skos:exactMatch B:1"), "line 4: A:1 and B:1 stand in line 3 already"),
    (("A:1 skos:exactMatch B:1", "B:1 skos:exactMatch A:1"), "line 4: B:1 and A:1 stand in line 3 already"),
    (("A:1 skos:exactMatch B:1", "A:1 skos:broadMatch B:1"), "line 4: A:1 and B:1 stand in line 3 already"),
    (
        ("A:1 skos:exactMatch B:1", "B:1 skos:exactMatch C:1", "C:1 skos:exactMatch A:1"),
        f"line 5: C:1 and A:1 are the same already by terms.sssom.tsv:4 {JUSTIFIED}, terms.sssom.tsv:3 {JUSTIFIED}",
    ),
    (("A:1 skos:exactMatch B:1", "B:1 skos:exactMatch A:2"), "line 4: would make A:1 and A:2 the same"),
    (("A:1 skos:exactMatch A:2",), "line 3: would make A:1 and A:2 the same"),
    (("A:1 skos:exactMatch A:1",), "line 3: A:1 is mapped to itself"),
    (("A:1 owl:sameAs B:1",), "line 3: predicate_id: 'owl:sameAs'; allowed: skos:exactMatch"),
    (("fever skos:exactMatch B:1",), "line 3: subject_id: 'fever' is not PREFIX:ID"),
    (("A:1 skos:exactMatch ",), "line 3: object_id is empty"),
]


@pytest.mark.parametrize(("rows", "says"), WRONG, ids=[says[:60] for _, says in WRONG])
def test_wrong_tables_keep_the_gateway_from_starting_and_name_the_line(
    tmp_path: Path, rows: tuple[str, ...], says: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        validated(settings(mappings=table(tmp_path, *rows)), GatewaySettings, Path("gateway.yaml"))
    assert "gateway.yaml: key 'mappings'" in str(refused.value)
    assert f"terms.sssom.tsv, {says}" in str(refused.value)


@pytest.mark.parametrize("value", ["", 5, None, ["a"]])
def test_mappings_must_be_a_path(value: Any) -> None:
    with pytest.raises(SettingsError, match="must be the path of a table"):
        validated(settings(mappings=value), GatewaySettings, Path("gateway.yaml"))


def test_files_that_are_no_tables_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"none\.tsv cannot be read"):
        read_mappings(tmp_path / "none.tsv")
    (tmp_path / "latin.tsv").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ValueError, match=r"latin\.tsv cannot be read as UTF-8"):
        read_mappings(tmp_path / "latin.tsv")
    for header in ("", HEADER.replace("object_id", "object")):
        with pytest.raises(ValueError, match="no column"):
            read_mappings(table(tmp_path, header=header))


def test_a_negated_match_is_none(tmp_path: Path) -> None:
    header = f"{HEADER}\tpredicate_modifier"
    negated = table(tmp_path, f"A:1 skos:exactMatch B:1 {JUSTIFIED} Not", header=header)
    assert not read_mappings(negated).of("A:1")


def loaded(path: str) -> dict[str, Any]:
    return {"mappings": path, "deadline_seconds": 30}
