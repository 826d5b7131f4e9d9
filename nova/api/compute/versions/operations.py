"""Operations on versions."""

from __future__ import annotations

import msgspec
import webob

from groundwork.errors import NotFound
from groundwork.operations import Answer, Call, operation
from groundwork.versions import Version
from nova.api.compute.versions import schemas, views
from nova.api.dialect import ComputeDialect
from nova.api.links import Links


class Versions:
    """The documents behind the token check."""

    def __init__(self, *, links: Links) -> None:
        self._links = links

    @operation("GET", "/", versions="2.1-", policy=None, response=schemas.DOCUMENT)
    def show_own(self, call: Call) -> Answer:
        """The document of the version in the URL (``/v2.1/{project_id}/``)."""
        own = next(v for v in views.OFFERED if v.prefix == call.origin.version_prefix)
        return Answer(views.document(own, self._links.root(call.origin)))

    @operation(
        "GET",
        "/versions/{id}",
        versions="2.1-",
        policy=None,
        response=schemas.DOCUMENT,
        errors=(404,),
    )
    def show(self, call: Call) -> Answer:
        """The document of a version by its id."""
        found = next((v for v in views.OFFERED if v.id == call.path["id"]), None)
        if found is None:
            raise NotFound(f"Version {call.path['id']} could not be found.")
        return Answer(views.document(found, self._links.root(call.origin)))


class VersionDocuments:
    """The documents that anybody may read."""

    def __init__(self, *, links: Links) -> None:
        self._links = links

    @operation("GET", "/", versions="2.1-", policy=None, response=schemas.LIST)
    def index(self, call: Call) -> Answer:
        """Every version that the service offers."""
        root = self._links.root(call.origin)
        return Answer({"versions": [views.listed(offered, root) for offered in views.OFFERED]})

    @operation("GET", "/v2", versions="2.1-", policy=None, response=schemas.DOCUMENT)
    @operation("GET", "/v2/", versions="2.1-", policy=None, response=schemas.DOCUMENT)
    def show_v20(self, call: Call) -> Answer:
        """The document of the version without microversions."""
        return Answer(views.document(views.V20, self._links.root(call.origin)))

    @operation("GET", "/v2.1", versions="2.1-", policy=None, response=schemas.DOCUMENT)
    @operation("GET", "/v2.1/", versions="2.1-", policy=None, response=schemas.DOCUMENT)
    def show_v21(self, call: Call) -> Answer:
        """The document of the version with microversions."""
        return Answer(views.document(views.V21, self._links.root(call.origin)))

    def choices(self, base_url: str, path: str) -> webob.Response:
        """300: where a path without a version may have been meant to lead."""
        root = self._links.override or base_url
        response = webob.Response(status=300, content_type="application/json", charset="UTF-8")
        response.body = msgspec.json.encode(
            {"choices": [views.choice(offered, root, path) for offered in views.OFFERED]}
        )
        return response


class DocumentDialect(ComputeDialect):
    """Outside of the versions: nothing is negotiated, and an unknown path is an open choice."""

    def __init__(self, documents: VersionDocuments) -> None:
        self._documents = documents

    def negotiate(self, request: webob.Request) -> Version:
        return self.min_version

    def split_prefix(self, path: str) -> tuple[str, str]:
        return "", path

    def finish(self, response: webob.Response, version: Version) -> None:
        """Nothing: these documents carry no version headers."""

    def unknown_path(self, request: webob.Request) -> webob.Response:
        return self._documents.choices(request.application_url.rstrip("/"), request.path_info)
