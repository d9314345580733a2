"""The committed JSON Schemas are those of the types, and real messages satisfy them."""

import json
from pathlib import Path

import jsonschema

from workers.formats.schemas import generated_schemas

SCHEMAS = Path(__file__).resolve().parents[3] / "config" / "schema"


def test_the_committed_schemas_have_not_drifted() -> None:
    generated = generated_schemas()
    committed = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.glob("*.json")}
    assert committed == generated, "run `make schemas`"


def test_the_contracts_example_is_a_raw_item() -> None:
    item = {
        "id": "feed-1",
        "title": "A title",
        "content_type": "text/plain",
        "source": {"name": "A", "kind": "report", "reliability": "B"},
        "tlp": "CLEAR",
        "confidence": 70,
        "observables": [{"type": "domain-name", "value": "evil.example"}],
    }
    jsonschema.validate(item, json.loads(generated_schemas()["raw-item.json"]))


def test_a_wrong_tlp_is_no_raw_item() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(generated_schemas()["raw-item.json"]))
    assert not validator.is_valid({"title": "a", "tlp": "PURPLE"})
    assert validator.is_valid({"title": "a", "tlp": "WHITE"})
