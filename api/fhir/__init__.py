"""The FHIR R4 facade: what the national API (version 2) answers, from the index (docs/fhir.md)."""
