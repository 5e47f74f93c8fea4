"""A Beacon of another make and institution, written from the public schemas of Beacon 2: the standard library alone.

``python foreign_beacon.py PORT TOKEN``: it answers everyone with numbers, and the bearer of TOKEN (which its own
sign-in gave) with records. Any other token is refused. What it received is told at ``/received``.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

ID = "org.elsewhere.beacon"
PEOPLE = [{"id": f"E{n}", "sex": {"id": "NCIT:C16576" if n % 2 else "NCIT:C20197"}} for n in range(31)]
ENTRY = {
    "id": "individual",
    "name": "Individual",
    "ontologyTermForThisType": {"id": "NCIT:C25190", "label": "Person"},
    "partOfSpecification": "Beacon v2.0.0",
    "defaultSchema": {"id": "e", "name": "e", "referenceToSchemaDefinition": "https://elsewhere.example/schema"},
}
RECEIVED: list[dict[str, Any]] = []


def meta(granularity: str | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "beaconId": ID,
        "apiVersion": "v2.0.0",
        "returnedSchemas": [{"entityType": "individual", "schema": "e"}],
    }
    if granularity:
        summary = {
            "apiVersion": "v2.0.0",
            "requestedSchemas": [],
            "pagination": {},
            "requestedGranularity": granularity,
        }
        found.update(returnedGranularity=granularity, receivedRequestSummary=summary)
    return found


INFORMATION = {
    "/info": {"id": ID, "name": "Elsewhere", "apiVersion": "v2.0.0", "environment": "prod",
              "organization": {"id": "elsewhere", "name": "Elsewhere"}},
    "/entry_types": {"entryTypes": {"individual": ENTRY}},
    "/filtering_terms": {"filteringTerms": [{"id": term, "type": "ontologyTerm"}
                                            for term in ("NCIT:C16576", "NCIT:C20197")]},
}  # fmt: skip

SERVICE = {
    "id": ID,
    "name": "Elsewhere",
    "type": {"group": "org.ga4gh", "artifact": "beacon", "version": "2.0.0"},
    "organization": {"name": "Elsewhere", "url": "https://elsewhere.example"},
    "version": "7",
}


class Beacon(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    token = ""

    def do_GET(self) -> None:
        where = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(where.query).items()}
        terms = [one for one in asked.get("filters", "").split(",") if one]
        self.respond(where.path, terms, asked.get("requestedGranularity", "boolean"))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        query = body.get("query", {})
        terms = [one["id"] for one in query.get("filters", [])]
        self.respond(urlsplit(self.path).path, terms, query.get("requestedGranularity", "boolean"))

    def respond(self, path: str, terms: list[str], granularity: str) -> None:
        if path == "/received":
            return self.send(200, RECEIVED)
        authorization = self.headers.get("Authorization")
        RECEIVED.append({"path": path, "authorization": authorization})
        path = path.removeprefix("/api")
        if authorization not in (None, f"Bearer {self.token}"):
            return self.fail(401, "not a token of ours")
        if path == "/service-info":
            return self.send(200, SERVICE)
        if path in INFORMATION:
            return self.send(200, {"meta": meta(), "response": INFORMATION[path]})
        if path != "/individuals":
            return self.fail(404, "no such endpoint")
        if unknown := [term for term in terms if term not in ("NCIT:C16576", "NCIT:C20197")]:
            return self.fail(400, f"unknown filter {unknown[0]}")
        found = [person for person in PEOPLE if all(person["sex"]["id"] == term for term in terms)]
        if granularity == "record" and authorization is None:
            granularity = "count"
        answer: dict[str, Any] = {"meta": meta(granularity), "responseSummary": {"exists": bool(found)}}
        if granularity != "boolean":
            answer["responseSummary"]["numTotalResults"] = len(found)
        if granularity == "record":
            one = {"id": "all", "setType": "dataset", "exists": bool(found), "resultsCount": len(found)}
            answer["response"] = {"resultSets": [{**one, "results": found[:10]}]}
        return self.send(200, answer)

    def fail(self, status: int, message: str) -> None:
        self.send(status, {"meta": meta("boolean"), "error": {"errorCode": status, "errorMessage": message}})

    def send(self, status: int, body: Any) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


if __name__ == "__main__":
    Beacon.token = sys.argv[2]
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Beacon).serve_forever()
