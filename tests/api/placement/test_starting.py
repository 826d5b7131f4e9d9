"""The entry points, as a server or an operator starts them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

_SERVE = """
from placement.wsgi.api import application
import webob
for path, token in (("/", ""), ("/traits/COMPUTE_NODE", "admin")):
    headers = {"OpenStack-API-Version": "placement latest", "X-Auth-Token": token}
    print(webob.Request.blank(path, headers=headers).get_response(application).status_int)
"""


def run(
    code: str, *arguments: str, folder: Path, environ: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=Path(__file__).parents[3],
        env={"HOME": str(folder), "PATH": "/usr/bin:/bin", **(environ or {})},
        capture_output=True,
        text=True,
        timeout=60,
    )


def command(name: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    code = f"from placement.cmd.{name} import main; main()"
    file = ("--config-file", str(folder / "placement.conf"))
    return run(code, *file, *arguments, folder=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory with options for an empty database."""
    url = f"sqlite:///{tmp_path}/placement.db"
    (tmp_path / "placement.conf").write_text(
        f"[placement_database]\nconnection = {url}\n[api]\nauth_strategy = noauth2\n"
    )
    return tmp_path


def test_module_serves_with_options_from_the_environment(folder: Path) -> None:
    environ = {"OS_PLACEMENT_CONFIG_DIR": str(folder)}
    early = run(_SERVE, folder=folder, environ=environ)
    assert early.returncode == 1
    assert early.stderr.splitlines()[-1].startswith("placement-api: The placement database is at")
    assert early.stderr.splitlines()[-1].endswith("run 'placement-manage db sync'.")
    assert "Traceback" not in early.stderr
    synced = {**environ, "OS_PLACEMENT_DATABASE__SYNC_ON_STARTUP": "true"}
    ready = run(_SERVE, folder=folder, environ=synced)
    assert ready.stdout.split() == ["200", "204"], ready.stderr


def test_missing_file_is_told_in_one_line(folder: Path) -> None:
    files = {"OS_PLACEMENT_CONFIG_DIR": str(folder), "OS_PLACEMENT_CONFIG_FILES": "no.conf"}
    ended = run(_SERVE, folder=folder, environ=files)
    assert ended.returncode == 1
    assert ended.stderr == f"placement-api: configuration file not found: {folder}/no.conf\n"


def test_commands_of_the_operator(folder: Path) -> None:
    assert command("manage", "db", "version", folder=folder).stdout == "none\n"
    assert command("manage", "db", "sync", folder=folder).returncode == 0
    assert command("manage", "db", "version", folder=folder).stdout == "0001\n"
    migrated = command("manage", "db", "online_data_migrations", folder=folder)
    assert migrated.returncode == 0
    assert "| Migration  | Total Found | Completed |" in migrated.stdout
    bad = command("manage", "db", "online_data_migrations", "--max-count", "0", folder=folder)
    assert bad.returncode == 127
    checked = command("status", "upgrade", "check", "--json", folder=folder)
    assert checked.returncode == 0
    names = [one["check"] for one in json.loads(checked.stdout)["checks"]]
    assert names == [
        "Missing Root Provider IDs",
        "Incomplete Consumers",
        "Policy File JSON to YAML Migration",
    ]
    (folder / "policy.yaml").write_text('{"admin_api": "role:admin"}')
    failed = command("status", "upgrade", "check", folder=folder)
    assert failed.returncode == 2
    assert "| Result: Failure " in failed.stdout
