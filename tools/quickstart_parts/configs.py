"""The configuration of each service, rendered from the plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from quickstart_parts.plan import HOST, Plan

Sections = Mapping[str, Mapping[str, object]]

_HEADER = "# Made by tools/quickstart at each start; options of your own belong in {overrides}\n"

# Every one of them is an own process with its own memory; four threads are enough for a few clients.
WSGI_THREADS = 4


def write_configs(plan: Plan, passwords: Mapping[str, str]) -> None:
    """Write the configuration of every service, followed by the person's own options.

    Those come from ``overrides/<service>.conf``; of two values of one option the later one counts.
    """
    plan.overrides.mkdir(parents=True, exist_ok=True)
    _write(plan, "keystone/keystone.conf", keystone(plan))
    _write(plan, "glance/glance-api.conf", glance(plan, passwords))
    if not plan.only_neighbours:
        _write(plan, "placement/placement.conf", placement(plan, passwords))
        _write(plan, "nova/nova.conf", nova(plan, passwords))


def render(sections: Sections) -> str:
    """An oslo.config file."""
    lines = []
    for group, options in sections.items():
        lines.append(f"[{group}]")
        lines += [f"{name} = {_text(value)}" for name, value in options.items()]
        lines.append("")
    return "\n".join(lines)


def keystone(plan: Plan) -> Sections:
    """Keystone: fernet tokens and a SQLite file."""
    home = plan.work_dir / "keystone"
    return {
        "DEFAULT": {"public_endpoint": plan.identity_url.removesuffix("/v3")},
        "database": _sqlite(home / "keystone.db"),
        # Receipts have keys of their own by default, outside of here, and no start without them.
        "fernet_tokens": {"key_repository": home / "fernet-keys"},
        "fernet_receipts": {"key_repository": home / "fernet-keys"},
        "credential": {"key_repository": home / "credential-keys"},
        # One process, so the cache cannot be stale; without it every request costs 100 ms of CPU, with it 20.
        "cache": {"enabled": True, "backend": "dogpile.cache.memory"},
        # The passwords are 24 random bytes: no cost of the hash makes them harder to guess.
        "identity": {"password_hash_algorithm": "bcrypt", "password_hash_rounds": 4},
    }


def glance(plan: Plan, passwords: Mapping[str, str]) -> Sections:
    """Glance: images in a directory, users from Keystone."""
    home = plan.work_dir / "glance"
    return {
        "DEFAULT": {"enabled_backends": "files:file"},
        "glance_store": {"default_backend": "files"},
        "files": {"filesystem_store_datadir": home / "images"},
        "os_glance_staging_store": {"filesystem_store_datadir": home / "staging"},
        "os_glance_tasks_store": {"filesystem_store_datadir": home / "tasks"},
        "database": _sqlite(home / "glance.db"),
        "keystone_authtoken": _token_check(plan, "glance", passwords),
        "paste_deploy": {
            "flavor": "keystone",
            "config_file": plan.venv / "etc" / "glance" / "glance-api-paste.ini",
        },
    }


def placement(plan: Plan, passwords: Mapping[str, str]) -> Sections:
    """Placement: its own SQLite file."""
    home = plan.work_dir / "placement"
    return {
        "placement_database": {
            "connection": f"sqlite:///{home / 'placement.db'}",
            "sync_on_startup": True,
        },
        "keystone_authtoken": _token_check(plan, "placement", passwords),
    }


def nova(plan: Plan, passwords: Mapping[str, str]) -> Sections:
    """Nova as one embedded process with its cells."""
    user = _service_user(plan, "nova", passwords)
    return {
        "DEFAULT": {
            "state_path": plan.work_dir / "nova" / "state",
            "compute_driver": "fake.FakeDriver",
        },
        # Where nova-all keeps them anyway; nova-manage and nova-status have to be told. They move with state_path.
        "api_database": {"connection": "sqlite:///$state_path/api.db"},
        "database": {"connection": "sqlite:///$state_path/cell0.db"},
        "embedded": {
            "listen_host": HOST,
            "listen_port": plan.ports.compute,
            "cells": plan.cells,
            "hosts_per_cell": plan.hosts_per_cell,
        },
        # Room to play: twenty servers and more without touching a quota.
        "quota": {"instances": 100, "cores": 200, "ram": 409600},
        "keystone_authtoken": _token_check(plan, "nova", passwords),
        "service_user": {"send_service_user_token": True, **user},
        "placement": user,
        "glance": user,
    }


def vassal(plan: Plan, name: str, port: int, module: str, *, priority: int = 0) -> str:
    """The ini file of one WSGI service below the emperor; ``priority`` is its nice value."""
    options: Mapping[str, object] = {
        "http-socket": f"{HOST}:{port}",
        "module": f"{module}:application",
        "master": True,
        "processes": 1,
        "threads": WSGI_THREADS,
        "enable-threads": True,
        "single-interpreter": True,
        "lazy-apps": True,
        "need-app": True,
        "die-on-term": True,
        "no-orphans": True,
        "worker-reload-mercy": 2,
        "prio": priority,
        "strict": True,
        # Tokens and service tokens travel in headers; the default of 4 KiB is short for two of them.
        "buffer-size": 65535,
        # Tells clients that no connection is kept, instead of letting them find out on their next request.
        "add-header": "Connection: close",
        "log-4xx": True,
        "log-5xx": True,
        "disable-logging": True,
        "logto": plan.logs / f"{name}.log",
    }
    return render({"uwsgi": options})


def clouds_yaml(plan: Plan, passwords: Mapping[str, str]) -> str:
    """``clouds.yaml`` with the tenant's cloud and the operator's."""
    clouds = (("quickstart", "demo", "demo"), ("quickstart-admin", "admin", "admin"))
    lines = ["clouds:"]
    for cloud, user, project in clouds:
        lines += [
            f"  {cloud}:",
            "    region_name: RegionOne",
            "    identity_api_version: 3",
            "    auth:",
            f"      auth_url: {plan.identity_url}",
            f"      username: {user}",
            f'      password: "{passwords[user]}"',
            f"      project_name: {project}",
            "      user_domain_name: Default",
            "      project_domain_name: Default",
        ]
    return "\n".join(lines) + "\n"


def _service_user(plan: Plan, user: str, passwords: Mapping[str, str]) -> dict[str, object]:
    return {
        "auth_type": "password",
        "auth_url": plan.identity_url,
        "username": user,
        "password": passwords[user],
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": "RegionOne",
    }


def _token_check(plan: Plan, user: str, passwords: Mapping[str, str]) -> dict[str, object]:
    return {
        **_service_user(plan, user, passwords),
        "www_authenticate_uri": plan.identity_url,
        "service_token_roles": "service",
        "service_token_roles_required": True,
    }


def _sqlite(path: Path) -> dict[str, object]:
    # Without waiting for the disk: a killed process loses nothing, and a power cut only a toy.
    return {"connection": f"sqlite:///{path}?timeout=30", "sqlite_synchronous": False}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _write(plan: Plan, name: str, sections: Sections) -> None:
    path = plan.work_dir / name
    own = plan.overrides / f"{path.parent.name}.conf"
    text = _HEADER.format(overrides=own) + render(sections)
    if own.is_file():
        text += f"\n# From {own}\n" + own.read_text()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, text)


def write_private(path: Path, text: str) -> None:
    """Replace a file that holds passwords: readable by its owner only."""
    path.touch(mode=0o600)
    path.chmod(0o600)
    path.write_text(text)
