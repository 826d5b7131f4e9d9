"""Links in answers, as absolute URLs that lead the client back the way it came."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from groundwork.operations import Call, Origin

Link = dict[str, str]


class Links:
    """Makes links. A prefix replaces scheme, host and mount point of the request's own URL."""

    def __init__(
        self, *, compute_link_prefix: str | None = None, glance_link_prefix: str | None = None
    ) -> None:
        self.override = compute_link_prefix.rstrip("/") if compute_link_prefix else None
        self._glance = glance_link_prefix.rstrip("/") if glance_link_prefix else None

    def root(self, origin: Origin) -> str:
        """The URL under which the versions stand, without a slash at the end."""
        return self.override or origin.base_url

    def self_href(self, origin: Origin, *parts: str) -> str:
        """The URL of a thing below the version that the request used (and its project, if the URL had it)."""
        return f"{self.root(origin)}{origin.version_prefix}{origin.project_prefix}{_path(parts)}"

    def bookmark_href(self, origin: Origin, *parts: str) -> str:
        """The URL of a thing that stays the same over versions."""
        return f"{self.root(origin)}{origin.project_prefix}{_path(parts)}"

    def of(self, origin: Origin, *parts: str) -> list[Link]:
        """``self`` and ``bookmark`` of a thing: ``links.of(call.origin, "flavors", flavor.flavorid)``."""
        return [
            {"rel": "self", "href": self.self_href(origin, *parts)},
            self.bookmark(origin, *parts),
        ]

    def bookmark(self, origin: Origin, *parts: str) -> Link:
        """Only the ``bookmark``, as things inside of other things have."""
        return {"rel": "bookmark", "href": self.bookmark_href(origin, *parts)}

    def image_alternate(self, image_id: str, *, image_service_url: str) -> Link:
        """The image in the image service; ``image_service_url`` counts when no prefix is configured."""
        base = self._glance or image_service_url.rstrip("/")
        return {
            "rel": "alternate",
            "type": "application/vnd.openstack.image",
            "href": f"{base}{_path(('images', image_id))}",
        }

    def following(self, call: Call, *, marker: str) -> list[Link]:
        """The ``<name>_links`` of a full page: the same request, going on after ``marker``."""
        query = [
            (key, value)
            for key in sorted({*call.query, "marker"})
            for value in ((marker,) if key == "marker" else call.query.all(key))
        ]
        origin = call.origin
        path = f"{self.root(origin)}{origin.version_prefix}{origin.project_prefix}{origin.path}"
        return [{"rel": "next", "href": f"{path}?{urlencode(query)}"}]


def _path(parts: tuple[str, ...]) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)
