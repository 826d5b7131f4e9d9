"""Volumes of Cinder: what users see of them, and how they are kept for servers.

Attachments are Cinder's records that a volume is a server's. One that is made without a connector reserves the volume;
with the connector of a host Cinder lets that host in; completed, the volume is in use. Deleted, the volume is free.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import requests
from keystoneauth1 import adapter as ks_adapter
from keystoneauth1.plugin import BaseAuthPlugin
from keystoneauth1.service_token import ServiceTokenAuthWrapper
from oslo_config import cfg

from groundwork.errors import Conflict, Forbidden, Invalid, NotFound, Unauthorized, Unavailable
from nova.clients.cinder import MICROVERSION, is_configured
from nova.clients.glance import Asker
from nova.clients.session import Repetition, Service, load_credentials, load_session
from nova.clients.user_token import OnBehalf

_PROJECT = "/%(project_id)s"


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume. ``image`` is the metadata of the image that it was made from."""

    id: str
    status: str
    size_gb: int
    is_bootable: bool
    is_multiattach: bool
    image: Mapping[str, str] = field(default_factory=dict)


class UserVolumes:
    """The volumes that users may see, asked with their own token."""

    def __init__(self, service: Service, *, on_behalf: OnBehalf) -> None:
        self._service = service
        self._on_behalf = on_behalf

    def get(self, context: Asker, project_id: str, volume_id: str) -> Volume:
        """The volume as the user of ``context`` sees it.

        :raises NotFound: no such volume, or not for this user.
        :raises Forbidden: Cinder does not let this user see it.
        :raises Unauthorized: the user's token is no longer good.
        """
        # The catalogue leads to our own project's URL; Cinder wants that of the token's.
        root = re.sub(r"(/v3)/.*$", r"\1", self._service.endpoint().rstrip("/"))
        answer = self._service.call(
            "GET",
            f"{root}/{quote(project_id, safe='')}/volumes/{quote(volume_id, safe='')}",
            context=context,
            auth=self._on_behalf.of(context),
            microversion=MICROVERSION,
        )
        match answer.status_code:
            case 200:
                return _volume(answer.json()["volume"])
            case 400 | 404:
                raise NotFound(f"Volume {volume_id} could not be found.", volume=volume_id)
            case 401:
                raise Unauthorized("Cinder does not accept the token of the request.")
            case 403:
                raise Forbidden(f"Not authorized for volume {volume_id}.", volume=volume_id)
        raise _unexpected(answer)


class Attachments:
    """Volumes kept for servers, with this service's own credentials: sagas outlive the tokens of users.

    Every call may be repeated. Attachments are found again by server and volume, since an answer with a new one's id
    may get lost.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def reserve(self, server_uuid: str, volume_id: str, *, instead_of: str | None = None) -> str:
        """The id of an attachment of the volume to the server, made now unless there is one.

        ``instead_of``: not that one. It is deleted when the other is there, so the volume is never free in between.

        :raises Invalid: the volume is gone, or somebody else has it.
        """
        present = self.of_server(server_uuid, volume_id)
        found = next((each for each in present if each != instead_of), None)
        if found is None:
            if instead_of is not None and instead_of in present:
                # Cinder makes a second attachment only for a volume that is reserved or in use; one that a host was
                # let in to is neither until it is said to be in use.
                self.complete(instead_of)
            found = self._create(server_uuid, volume_id)
        if instead_of is not None and instead_of in present:
            self.delete(instead_of)
        return found

    def of_server(self, server_uuid: str, volume_id: str) -> Sequence[str]:
        """The ids of the attachments of this volume to this server."""
        answer = self._call(
            "GET", "/attachments", query={"all_tenants": "1", "volume_id": volume_id}
        )
        return [
            str(each["id"])
            for each in _json(answer, 200)["attachments"]
            if each["instance"] == server_uuid
        ]

    def connect(self, attachment_id: str, connector: Mapping[str, Any]) -> Mapping[str, Any]:
        """Let a host in; how it reaches the volume.

        :raises Conflict: Cinder refuses.
        """
        body = {"attachment": {"connector": dict(connector)}}
        answer = self._call("PUT", f"/attachments/{attachment_id}", body=body)
        found: Mapping[str, Any] = _json(answer, 200)["attachment"]["connection_info"]
        return found

    def complete(self, attachment_id: str) -> None:
        """Tell that the guest has the volume."""
        answer = self._call(
            "POST", f"/attachments/{attachment_id}/action", body={"os-complete": {}}
        )
        _require(answer, 200, 202, 204)

    def delete(self, attachment_id: str) -> None:
        """Set the volume free, if it is not free already."""
        _require(self._call("DELETE", f"/attachments/{attachment_id}"), 200, 202, 204, 404)

    def delete_volume(self, volume_id: str) -> None:
        """Remove the volume, if it is there.

        :raises Conflict: Cinder keeps it, for example because it has snapshots.
        """
        _require(self._call("DELETE", f"/volumes/{volume_id}"), 202, 204, 404)

    def _create(self, server_uuid: str, volume_id: str) -> str:
        body = {"attachment": {"instance_uuid": server_uuid, "volume_uuid": volume_id}}
        answer = self._call("POST", "/attachments", body=body)
        if answer.status_code in (400, 404, 409):
            raise Invalid(
                f"Volume {volume_id} cannot be attached: it is gone or in use.",
                internal=answer.text,
            )
        return str(_json(answer, 200, 202)["attachment"]["id"])

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        return self._service.call(method, path, microversion=MICROVERSION, **more)


def _volume(body: Mapping[str, Any]) -> Volume:
    return Volume(
        id=body["id"],
        status=body["status"],
        size_gb=body["size"],
        is_bootable=str(body.get("bootable")).lower() == "true",
        is_multiattach=bool(body.get("multiattach")),
        image={name: str(value) for name, value in body.get("volume_image_metadata", {}).items()},
    )


def _json(answer: requests.Response, *expected: int) -> Any:
    _require(answer, *expected)
    return answer.json()


def _require(answer: requests.Response, *expected: int) -> None:
    if answer.status_code in expected:
        return
    if answer.status_code in (400, 404, 409):
        raise Conflict("Cinder refuses the request.", internal=_told(answer))
    raise _unexpected(answer)


def _unexpected(answer: requests.Response) -> Unavailable:
    return Unavailable("Cinder cannot serve the request now.", internal=_told(answer))


def _told(answer: requests.Response) -> str:
    return f"{answer.request.method} {answer.url} -> {answer.status_code}: {answer.text[:200]}"


def load_user_volumes(conf: cfg.ConfigOpts) -> UserVolumes | None:
    """Cinder for requests of users; None when this deployment has none. :raises Invalid: the group cannot be used."""
    if not is_configured(conf):
        return None
    service_user = load_credentials(conf, "service_user")
    return UserVolumes(
        _load_service(
            conf,
            (conf.cinder.endpoint_template or "").replace(_PROJECT, ""),
            auth=load_credentials(conf, "cinder"),
        ),
        on_behalf=OnBehalf(
            service_user=service_user if conf.service_user.send_service_user_token else None
        ),
    )


def load_attachments(conf: cfg.ConfigOpts) -> Attachments | None:
    """Cinder for this service; None when this deployment has none. :raises Invalid: the group cannot be used."""
    if not is_configured(conf):
        return None
    own = load_credentials(conf, "cinder")
    # Without a service token Cinder asks the Compute API whether an attachment may go, which is us.
    vouched = own and ServiceTokenAuthWrapper(
        user_auth=own, service_auth=load_credentials(conf, "service_user") or own
    )
    # keystoneauth fills in the project of the credentials.
    return Attachments(_load_service(conf, conf.cinder.endpoint_template, auth=vouched))


def _load_service(
    conf: cfg.ConfigOpts, endpoint: str | None, *, auth: BaseAuthPlugin | None
) -> Service:
    group = conf.cinder
    service_type, service_name, interface = group.catalog_info.split(":")
    return Service(
        ks_adapter.Adapter(
            load_session(conf, "cinder"),
            auth=auth,
            service_type=service_type,
            service_name=service_name or None,
            interface=interface,
            region_name=group.os_region_name,
            endpoint_override=endpoint or None,
        ),
        name="Cinder",
        repetition=Repetition(
            connect_retries=group.http_retries, status_retries=group.http_retries
        ),
    )
