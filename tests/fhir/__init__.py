"""The FHIR facade: what applications written for the national API get."""
