"""Glance over REST: what the image of a server is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from oslo_config import cfg

from groundwork.errors import Forbidden, NotFound, Unauthorized, Unavailable
from nova.clients.deadline import Deadline
from nova.clients.session import (
    Caller,
    Repetition,
    Service,
    load_credentials,
    load_service,
)
from nova.clients.user_token import OnBehalf, User

# The fields of an image in Images API v2; all others are properties of the image.
_FIELDS = frozenset(
    [
        "checksum",
        "container_format",
        "created_at",
        "deleted",
        "deleted_at",
        "direct_url",
        "disk_format",
        "file",
        "id",
        "is_public",
        "locations",
        "min_disk",
        "min_ram",
        "name",
        "os_hash_algo",
        "os_hash_value",
        "os_hidden",
        "owner",
        "protected",
        "schema",
        "self",
        "size",
        "status",
        "stores",
        "tags",
        "updated_at",
        "virtual_size",
        "visibility",
    ]
)


class Asker(User, Caller, Protocol):
    """What a call in a user's name needs of the request context."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image. ``size_bytes`` is None until data is uploaded; ``min_disk_gb`` and ``min_ram_mb``
    are 0 for no bound.
    """

    id: str
    name: str | None
    status: str
    size_bytes: int | None
    min_disk_gb: int
    min_ram_mb: int
    disk_format: str | None
    container_format: str | None
    visibility: str
    owner: str | None
    properties: Mapping[str, str]


class Images:
    """The images that users may see, asked with their own token."""

    def __init__(self, service: Service, *, on_behalf: OnBehalf) -> None:
        self._service = service
        self._on_behalf = on_behalf

    def get(self, context: Asker, image_id: str, *, deadline: Deadline | None = None) -> Image:
        """The image as the user of ``context`` sees it.

        :raises NotFound: no such image, or not for this user.
        :raises Forbidden: Glance does not let this user see it.
        :raises Unauthorized: the user's token is no longer good.
        """
        answer = self._service.call(
            "GET",
            f"/v2/images/{quote(image_id, safe='')}",
            context=context,
            auth=self._on_behalf.of(context),
            deadline=deadline,
        )
        match answer.status_code:
            case 200:
                return parse_image(answer.json())
            case 400 | 404:  # 400: some releases check the form of the id first.
                raise NotFound(f"Image {image_id} could not be found.", image=image_id)
            case 401:
                raise Unauthorized("Glance does not accept the token of the request.")
            case 403:
                raise Forbidden(f"Not authorized for image {image_id}.", image=image_id)
        raise Unavailable(
            "Glance cannot serve the request now.",
            internal=f"GET {answer.url} -> {answer.status_code}: {answer.text[:200]}",
        )


def parse_image(body: Mapping[str, Any]) -> Image:
    """Read an image of Images API v2."""
    return Image(
        id=body["id"],
        name=body.get("name"),
        status=body["status"],
        size_bytes=body.get("size"),
        min_disk_gb=body.get("min_disk") or 0,
        min_ram_mb=body.get("min_ram") or 0,
        disk_format=body.get("disk_format"),
        container_format=body.get("container_format"),
        visibility=body.get("visibility", "private"),
        owner=body.get("owner"),
        properties={
            name: str(value)
            for name, value in body.items()
            if name not in _FIELDS and value is not None
        },
    )


def load_images(conf: cfg.ConfigOpts) -> Images:
    """Glance as ``[glance]`` and ``[service_user]`` describe it.

    :raises Invalid: a group cannot be used; one line for the operator.
    """
    retries = conf.glance.num_retries
    service_user = load_credentials(conf, "service_user")
    return Images(
        load_service(
            conf,
            "glance",
            name="Glance",
            repetition=Repetition(connect_retries=retries, status_retries=retries),
        ),
        on_behalf=OnBehalf(
            catalog=load_credentials(conf, "glance") or service_user,
            service_user=service_user if conf.service_user.send_service_user_token else None,
        ),
    )
