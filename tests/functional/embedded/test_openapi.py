"""Both services describe themselves in valid OpenAPI 3.1."""

from __future__ import annotations

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.functional.embedded.plane import Client, Cloud


@pytest.mark.parametrize("service", ["compute", "placement"])
def test_document_is_valid(cloud: Cloud, service: str) -> None:
    client: Client = cloud.compute if service == "compute" else cloud.placement
    document = client.get("/openapi.json")
    assert document["openapi"].startswith("3.1")
    errors = [
        f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}"
        for error in OpenAPIV31SpecValidator(document).iter_errors()
    ]
    assert errors == []
    wanted = {"compute": "/servers/{id}", "placement": "/allocation_candidates"}[service]
    assert wanted in document["paths"]
