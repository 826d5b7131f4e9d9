"""Our Placement API over HTTP on a loopback port, with a fresh database whenever a suite wants one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from oslo_config import cfg

from groundwork import migrations
from groundwork.database import Database
from groundwork.serving import HttpServer
from placement import conf as options
from placement import policies
from placement.api.app import make_application
from placement.db.migrations import FOLDER
from placement.inventory import standard

Options = Mapping[str, Mapping[str, Any]]


class PlacementService:
    """One server, and a WSGI application itself; what it serves is replaced as a whole by :meth:`renew`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        self._database: Database | None = None
        self._application: Callable[..., Iterable[bytes]] | None = None
        self._server = HttpServer(self, host="127.0.0.1", port=0, threads=4, port_option="port")

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return self._server.port

    def start(self) -> None:
        """Make the database that all others are copies of, and listen."""
        template = Database(f"sqlite:///{self._template}")
        migrations.upgrade(template, FOLDER)
        standard.sync(template)
        template.dispose()
        self._server.start()

    def stop(self) -> None:
        """Finish, and let go of the database."""
        self._server.stop()
        if self._database is not None:
            self._database.dispose()

    def renew(self, given: Options, *, open_policy: bool = False) -> None:
        """Serve an empty deployment with these options by group; ``open_policy`` lets everybody do everything."""
        if self._database is not None:
            self._database.dispose()
        file = self._folder / "placement.db"
        for old in self._folder.glob("placement.db*"):
            old.unlink()
        shutil.copy(self._template, file)
        self._database = Database(f"sqlite:///{file}", sqlite_synchronous=False)
        self._application = make_application(
            self._configure(given, open_policy), self._database, check_answers="error"
        )

    def _configure(self, given: Options, open_policy: bool) -> cfg.ConfigOpts:
        rules = self._folder / "policy.json"
        names = [rule.name for rule in policies.list_rules() if rule.name != "admin_api"]
        rules.write_text(json.dumps(dict.fromkeys(names, "@") if open_policy else {}))
        groups = {
            "api": {"auth_strategy": "noauth2"},
            "placement_database": {"connection": "sqlite://"},
            **{group: dict(values) for group, values in given.items()},
        }
        groups.setdefault("oslo_policy", {})["policy_file"] = rules
        file = self._folder / "placement.conf"
        file.write_text(
            "".join(
                f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in values.items())
                for group, values in groups.items()
            )
        )
        conf = options.new()
        conf(["--config-file", str(file)], project="placement")
        return conf

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        assert self._application is not None, "renewed before the first request"
        return self._application(environ, start_response)
