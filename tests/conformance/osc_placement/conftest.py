"""The real ``openstack`` command, with its plugin for Placement, against our service over HTTP."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.environments import own_environment
from tests.conformance.placement_service import PlacementService

CLIENT = ("python-openstackclient==10.5.0", "osc-placement==4.9.1")

# A command takes a second, most of it to start; a busy machine takes many times that.
_TIMEOUT_S = 60


class OpenStack:
    """Runs commands as an administrator who speaks the newest version that the plugin knows, unless told otherwise."""

    def __init__(self, command: Path, port: int, home: Path) -> None:
        self._start = [
            *(str(command), "--os-auth-type", "admin_token", "--os-token", "admin"),
            *("--os-endpoint", f"http://127.0.0.1:{port}"),
        ]
        # Nothing of who runs the tests may reach the client.
        self._environ = {"HOME": str(home), "PATH": os.environ.get("PATH", os.defpath)}

    def run(self, *words: str, version: str = "1.39") -> subprocess.CompletedProcess[str]:
        """The finished command, whatever became of it."""
        return subprocess.run(
            [*self._start, "--os-placement-api-version", version, *words],
            env=self._environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )

    def __call__(self, *words: str, version: str = "1.39") -> None:
        """Run a command that must succeed."""
        done = self.run(*words, version=version)
        assert done.returncode == 0, done.stderr

    def json(self, *words: str, version: str = "1.39") -> Any:
        """What a command that must succeed answers."""
        done = self.run(*words, "-f", "json", version=version)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def refused(self, *words: str, version: str = "1.39") -> str:
        """What a command that must fail says of it."""
        done = self.run(*words, version=version)
        assert done.returncode != 0, done.stdout
        return done.stderr


@pytest.fixture(scope="session")
def command() -> Path:
    """The client in its own environment."""
    return own_environment("openstack-client", *CLIENT) / "bin" / "openstack"


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlacementService]:
    """Our service on a port of its own."""
    service = PlacementService(tmp_path_factory.mktemp("placement"))
    service.start()
    yield service
    service.stop()


@pytest.fixture
def openstack(command: Path, service: PlacementService, tmp_path: Path) -> OpenStack:
    """A client of an empty deployment."""
    service.renew({})
    return OpenStack(command, service.port, tmp_path)
