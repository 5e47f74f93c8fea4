"""Entry types of the network Beacon, as Beacon 2.1.1 describes them (CHECKLIST BEA-03 … BEA-05)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

API_VERSION = "v2.1.1"
MODEL = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/v2.1.1/models/json/beacon-v2-default-model"
FRAMEWORK = "https://raw.githubusercontent.com/ga4gh-beacon/beacon-v2/v2.1.1/framework/json/configuration"


@dataclass(frozen=True)
class EntryType:
    """An entry type and where it is served. ``collection`` types are answered as collections, not as result sets."""

    id: str
    name: str
    path: str
    schema: str
    ontology_id: str
    ontology_label: str
    collection: bool = False

    def schema_reference(self) -> dict[str, str]:
        """What ``returnedSchemas`` says of this type (BEA-29)."""
        return {"entityType": self.id, "schema": f"ga4gh-beacon-{self.schema}-v2.1.1"}

    def definition(self) -> dict[str, Any]:
        """Entry type definition of the configuration."""
        folder = {"dataset": "datasets", "individual": "individuals", "genomicVariant": "genomicVariations"}[self.id]
        return {
            "id": self.id,
            "name": self.name,
            "ontologyTermForThisType": {"id": self.ontology_id, "label": self.ontology_label},
            "partOfSpecification": "Beacon v2.1.1",
            "defaultSchema": {
                "id": f"ga4gh-beacon-{self.schema}-v2.1.1",
                "name": f"Default schema of {self.name.lower()}",
                "referenceToSchemaDefinition": f"{MODEL}/{folder}/defaultSchema.json",
                "schemaVersion": API_VERSION,
            },
            "additionallySupportedSchemas": [],
            "nonFilteredQueriesAllowed": True,
            **({"aCollectionOf": [{"id": "individual", "name": "Individuals"}]} if self.collection else {}),
        }


DATASET = EntryType("dataset", "Data set", "datasets", "dataset", "NCIT:C47824", "Data set", collection=True)
INDIVIDUAL = EntryType("individual", "Individual", "individuals", "individual", "NCIT:C25190", "Person")
VARIANT = EntryType("genomicVariant", "Genomic variant", "g_variants", "variant", "ENSGLOSSARY:0000092", "Variant")
ENTRY_TYPES = {kind.id: kind for kind in (DATASET, INDIVIDUAL, VARIANT)}


def entry_types() -> dict[str, Any]:
    """Definitions by id."""
    return {name: kind.definition() for name, kind in ENTRY_TYPES.items()}


def endpoint_sets(base: str) -> dict[str, Any]:
    """Endpoints by entry type under the network Beacon's base URL (BEA-04)."""
    return {
        name: {
            "entryType": name,
            "rootUrl": f"{base}/{kind.path}",
            "singleEntryUrl": f"{base}/{kind.path}/{{id}}",
            "endpoints": {},
        }
        for name, kind in ENTRY_TYPES.items()
    }
