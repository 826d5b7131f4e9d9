"""Keystone over REST, for what tokens do not tell: whether a project exists."""

from __future__ import annotations

import logging
from urllib.parse import quote

from keystoneauth1.plugin import BaseAuthPlugin
from oslo_config import cfg

from groundwork.errors import Unavailable
from nova.clients.session import Service, load_credentials, load_service
from nova.clients.user_token import OnBehalf, User

LOG = logging.getLogger(__name__)


class Projects:
    """Asks Keystone with the token of whoever asked us."""

    def __init__(self, service: Service, *, on_behalf: OnBehalf) -> None:
        self._service = service
        self._on_behalf = on_behalf

    def exists(self, user: User, project_id: str) -> bool:
        """False only when Keystone says that there is no such project.

        A caller whom Keystone does not let look, or a Keystone that does not answer, is no reason to refuse: the
        project is taken as given and the doubt is logged.
        """
        auth = self._on_behalf.of(user)
        try:
            version = version_prefix(self._service, auth=auth)
            path = f"{version}/projects/{quote(project_id, safe='')}"
            answer = self._service.call("GET", path, auth=auth)
        except Unavailable as exc:
            LOG.warning("project %s is taken as given: %s (%s)", project_id, exc, exc.internal)
            return True
        if answer.status_code == 404:
            return False
        if answer.status_code != 200:
            LOG.info(
                "project %s is taken as given: Keystone says %d", project_id, answer.status_code
            )
        return True


class AnyProject:
    """A deployment without Keystone: every project exists."""

    def exists(self, user: User, project_id: str) -> bool:
        """True."""
        return True


def version_prefix(service: Service, *, auth: BaseAuthPlugin | None = None) -> str:
    """What paths begin with: catalogues have Keystone with its version or without; both are usual.

    :raises Unavailable: we cannot log in, or the catalogue does not have it.
    """
    return "" if service.endpoint(auth=auth).rstrip("/").endswith("/v3") else "/v3"


def load_projects(conf: cfg.ConfigOpts) -> Projects:
    """Keystone as ``[keystone]`` describes it. :raises Invalid: the group cannot be used."""
    service_user = load_credentials(conf, "keystone") or load_credentials(conf, "service_user")
    return Projects(
        load_service(conf, "keystone", name="Keystone"), on_behalf=OnBehalf(catalog=service_user)
    )
