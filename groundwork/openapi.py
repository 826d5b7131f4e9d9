"""The OpenAPI 3.1 document of a service, made from its declared operations.

Microversions have no counterpart in OpenAPI: where an operation, its query or a schema changed, the alternatives
stand side by side under ``oneOf``, each with ``x-since``; the range of an operation is ``x-microversions``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from groundwork.operations import Operation, Schema
from groundwork.versions import ByVersion, Version


def document(
    operations: Iterable[Operation],
    *,
    title: str,
    newest: Version,
    version_header: str,
    server_path: str = "",
) -> dict[str, Any]:
    """The whole document, as plain JSON values."""
    paths: dict[str, dict[str, Any]] = {}
    for declared in operations:
        described = paths.setdefault(declared.path, {}).setdefault(declared.method.lower(), {})
        if described:
            _merge(described, declared)
        else:
            described.update(_describe(declared))
    header: dict[str, Any] = {
        "name": "OpenStack-API-Version",
        "in": "header",
        "required": False,
        "schema": {"type": "string"},
        "description": version_header,
    }
    for path, methods in paths.items():
        parameters: list[dict[str, Any]] = [{"$ref": "#/components/parameters/version"}]
        parameters += [
            {"name": part[1:-1], "in": "path", "required": True, "schema": {"type": "string"}}
            for part in path.split("/")
            if part.startswith("{")
        ]
        methods["parameters"] = parameters
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": str(newest)},
        "servers": [{"url": server_path or "/"}],
        "paths": paths,
        "components": {
            "parameters": {"version": header},
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}
            },
        },
        "security": [{"token": []}],
    }


def _describe(declared: Operation) -> dict[str, Any]:
    """One operation object."""
    described: dict[str, Any] = {
        "operationId": declared.name,
        "summary": declared.summary,
        "tags": [declared.resource],
        "x-microversions": [str(declared.versions)],
        "responses": _responses(declared),
    }
    if declared.policy:
        described["x-policies"] = [declared.policy, *declared.soft_policies]
    query = _query_parameters(declared.query)
    if query:
        described["parameters"] = query
    if declared.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _alternatives(declared.body)}},
        }
    return described


def _merge(described: dict[str, Any], other: Operation) -> None:
    """Put a further version range or action of the same path and method into its operation object."""
    addition = _describe(other)
    described["summary"] = f"{described['summary']} / {addition['summary']}"
    for key in ("x-microversions", "x-policies"):
        known = described.setdefault(key, [])
        known.extend(value for value in addition.get(key, []) if value not in known)
    described["responses"].update(
        {
            status: told
            for status, told in addition["responses"].items()
            if status not in described["responses"]
        }
    )
    if "requestBody" in addition:
        new = addition["requestBody"]["content"]["application/json"]["schema"]
        if "requestBody" not in described:
            described["requestBody"] = addition["requestBody"]
            return
        content = described["requestBody"]["content"]["application/json"]
        old = content["schema"]
        content["schema"] = {"anyOf": [*(old.get("anyOf") or [old]), *(new.get("anyOf") or [new])]}


def _alternatives(schemas: ByVersion[Schema]) -> dict[str, Any]:
    """One schema, or all of its versions side by side."""
    if len(schemas.entries) == 1:
        return dict(schemas.entries[0][1])
    return {"anyOf": [{**schema, "x-since": str(since)} for since, schema in schemas.entries]}


def _query_parameters(query: ByVersion[Schema] | None) -> list[dict[str, Any]]:
    """Every key that some version of the query knows."""
    found: dict[str, dict[str, Any]] = {}
    for since, schema in query.entries if query else ():
        properties: Mapping[str, Any] = schema.get("properties", {})
        for name, values in properties.items():
            found.setdefault(
                name,
                {
                    "name": name,
                    "in": "query",
                    "required": name in schema.get("required", ()),
                    "schema": values.get("items", {"type": "string"}),
                    "x-since": str(since),
                },
            )
    return list(found.values())


def _responses(declared: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        str(declared.success): {"description": HTTPStatus(declared.success).phrase}
    }
    if declared.response is not None:
        told[str(declared.success)]["content"] = {
            "application/json": {"schema": _alternatives(declared.response)}
        }
    for status in (*declared.also, *declared.errors):
        told[str(status)] = {"description": HTTPStatus(status).phrase}
    return told
