"""A generic FHIR client, as applications use one, over a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import fhirpy
import pytest
import uvicorn

from api.app import create_app
from directory.index.reader import Index
from directory.settings import Settings
from tests.fhir.world import LE_GALL, PEOPLE


@pytest.fixture(scope="module")
def fhir(world: Path, index: Index) -> Iterator[fhirpy.SyncFHIRClient]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        application = create_app(Settings(data_dir=world), index)
        server = uvicorn.Server(uvicorn.Config(application, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield fhirpy.SyncFHIRClient(f"http://127.0.0.1:{port}/fhir/v2")
        server.should_exit = True
        thread.join(10)


def test_it_pages_through_a_search(fhir: fhirpy.SyncFHIRClient) -> None:
    people = fhir.resources("Practitioner").limit(2).fetch_all()
    assert {person.id for person in people} == {one.national_id.replace("/", "-2f") for one in PEOPLE}


def test_it_searches_and_reads(fhir: fhirpy.SyncFHIRClient) -> None:
    (found,) = fhir.resources("Practitioner").search(family="gall", active=True).fetch()
    assert found["name"][0]["family"] == "LE GALL"
    assert fhir.reference("Practitioner", LE_GALL.national_id).to_resource().id == LE_GALL.national_id
    assert len(fhir.resources("Practitioner").search(family__contains="gal").fetch()) == 1


def test_it_reads_what_is_included(fhir: fhirpy.SyncFHIRClient) -> None:
    search = fhir.resources("PractitionerRole").search(organization="F690000013")
    bundle = search.include("PractitionerRole", "practitioner").include("PractitionerRole", "organization").fetch_raw()
    kinds = [entry.resource.resource_type for entry in bundle.entry]
    assert sorted(kinds) == ["Organization", *["Practitioner"] * 2, *["PractitionerRole"] * 2]
    role = next(entry.resource for entry in bundle.entry if entry.resource.resource_type == "PractitionerRole")
    assert role["practitioner"].to_resource()["name"][0]["family"] in ("LE GALL", "MARTIN-DUBOIS")


def test_it_is_told_of_a_refusal(fhir: fhirpy.SyncFHIRClient) -> None:
    with pytest.raises(fhirpy.base.exceptions.OperationOutcome, match="not found"):
        fhir.resources("Practitioner").search(unknown="1").fetch()
    with pytest.raises(fhirpy.base.exceptions.ResourceNotFound):
        fhir.reference("Practitioner", "nobody").to_resource()
