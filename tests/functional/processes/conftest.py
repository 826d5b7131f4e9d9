"""Deployments made of real processes, shared by the tests of this folder: run it with one pytest process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing
from tests.functional.processes import broker, programs
from tests.functional.processes.engines import ENGINES
from tests.functional.processes.plane import Plane
from tests.functional.processes.soundness import delete_all


@contextmanager
def running_plane(engine_name: str, folder: Path) -> Iterator[Plane]:
    """A deployment on that database engine, removed at the end; its logs are shown when it does not start."""
    if programs.find_uwsgi() is None:
        missing("uWSGI is not installed beside this Python")
    plane = Plane(folder, databases=ENGINES[engine_name])
    # Whoever ends the tests from outside sends SIGTERM: nothing may be left behind then either.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for why in (plane.databases.why_missing(), broker.why_missing()):
        if why:
            missing(why)
    try:
        try:
            plane.start()
            plane.compute.make_flavor("tiny")
        except BaseException:
            print(plane.tails())
            raise
        print("started in", {name: round(took_s, 1) for name, took_s in plane.took_s.items()})
        yield plane
    finally:
        plane.remove()


@pytest.fixture(scope="session")
def shared_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """The deployment on MariaDB that most tests use."""
    with running_plane("mysql", tmp_path_factory.mktemp("plane")) as plane:
        yield plane


@pytest.fixture
def plane(shared_plane: Plane) -> Iterator[Plane]:
    """The shared deployment, without servers at the beginning and at the end, all services up."""
    shared_plane.wait_until_up()
    yield shared_plane
    shared_plane.check_all_run()
    delete_all(shared_plane.compute)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """A failed test shows how the logs end."""
    report = yield
    if report.failed:
        for found in getattr(item, "funcargs", {}).values():
            if hasattr(found, "tails"):
                report.sections.append(("the processes' logs", found.tails()))
                break
    return report
