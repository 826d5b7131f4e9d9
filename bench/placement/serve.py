#!/usr/bin/env python3
"""The services to measure, as in production: uWSGI with two processes, MariaDB, no authentication.

    python bench/placement/serve.py [--peer] [-- COMMAND ...]

Starts this tree's placement-api and, with ``--peer``, the reference from PyPI in an environment of its own (made once,
kept in ``.venv-conformance``), each on a database of its own that is dropped at the end. Runs the command with
``{url}``, ``{watch}``, ``{peer_url}`` and ``{peer_watch}`` filled in, or tells these and waits for Ctrl-C::

    python bench/placement/serve.py --peer -- python bench/placement/run.py {url} --peer {peer_url} \
        --watch api={watch} --peer-watch api={peer_watch} --hosts 1000
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.conformance.environments import own_environment  # noqa: E402

START_S = 60
PEER_PACKAGES = ("openstack-placement", "PyMySQL", "pyuwsgi")


@dataclass(frozen=True, slots=True)
class Program:
    """A Placement service: the Python that has it, and where its modules lie when they are not installed."""

    name: str
    python: str
    tree: Path | None = None

    def beside(self, name: str) -> str:
        """A program of the same environment."""
        return str(Path(self.python).with_name(name))

    def environment(self, folder: Path) -> Mapping[str, str]:
        """Where it finds its configuration."""
        path = {"PYTHONPATH": str(self.tree)} if self.tree else {}
        return os.environ | path | {"OS_PLACEMENT_CONFIG_DIR": str(folder)}


@dataclass(frozen=True, slots=True)
class Running:
    """Where it answers, and the process whose descendants do the work."""

    url: str
    pid: int


def start(program: Program, stack: ExitStack, server_url: str, processes: int) -> Running:
    """Run a service on a database of its own; ``stack`` ends both.

    :raises RuntimeError: it does not start.
    """
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-placement-")))
    database = stack.enter_context(_Schema(server_url))
    (folder / "placement.conf").write_text(
        f"[placement_database]\nconnection = {database}\n[api]\nauth_strategy = noauth2\n"
    )
    environment = program.environment(folder)
    # What the console script does; it is not there in a bare source tree.
    sync = [program.python, "-c", "from placement.cmd.manage import main; main()"]
    config = ["--config-file", str(folder / "placement.conf")]
    subprocess.run([*sync, *config, "db", "sync"], env=environment, cwd=folder, check=True)
    port = _free_port()
    log = (folder / "log").open("w")
    words = [
        *(program.beside("uwsgi"), "--http-socket", f"127.0.0.1:{port}"),
        *("--module", "placement.wsgi.api:application", "--virtualenv", _prefix(program.python)),
        *("--processes", str(processes), "--threads", "4", "--buffer-size", "65535"),
        *("--master", "--enable-threads", "--single-interpreter", "--lazy-apps", "--need-app"),
        *("--die-on-term", "--disable-logging", "--listen", "100"),
        *("--add-header", "Connection: close"),
    ]
    if program.tree:
        words += ["--pythonpath", str(program.tree)]
    # Not started in this tree: its modules would hide those of the reference.
    process = subprocess.Popen(words, env=environment, cwd=folder, stdout=log, stderr=log)
    stack.callback(_stop, process)
    _wait(process, port, folder / "log")
    return Running(f"http://127.0.0.1:{port}", process.pid)


class _Schema:
    """A database that exists inside a block."""

    def __init__(self, server_url: str) -> None:
        self._server = sa.make_url(server_url)
        self._name = f"bench_placement_{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> str:
        self._run(f"CREATE DATABASE {self._name} CHARACTER SET utf8mb4")
        return self._server.set(database=self._name).render_as_string(hide_password=False)

    def __exit__(self, *_error: object) -> None:
        self._run(f"DROP DATABASE {self._name}")

    def _run(self, statement: str) -> None:
        engine = sa.create_engine(self._server, poolclass=sa.pool.NullPool)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)


def _prefix(python: str) -> str:
    return str(Path(python).parents[1])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            # The socket is open long before the application is there, so ask it something.
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=START_S):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"it does not start:\n{log.read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read_arguments(words: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """The options, and the command after ``--``."""
    own, command = list(words), []
    if "--" in own:
        at = own.index("--")
        own, command = own[:at], own[at + 1 :]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", action="store_true", help="the reference from PyPI, too")
    parser.add_argument("--server", default="mysql+pymysql://root@127.0.0.1:3306", metavar="URL")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args(own), command


def main() -> int:
    """The command's exit status."""
    options, command = read_arguments(sys.argv[1:])
    if not shutil.which("uwsgi", path=str(Path(sys.executable).parent)):
        raise SystemExit("serve.py: uWSGI is not in this Python's environment")
    programs = [Program("ours", sys.executable, ROOT)]
    if options.peer:
        peer = own_environment("bench-placement", *PEER_PACKAGES)
        programs.append(Program("peer", str(peer / "bin" / "python")))
    with ExitStack() as stack:
        found = [start(each, stack, options.server, options.processes) for each in programs]
        values = {"url": found[0].url, "watch": str(found[0].pid)}
        if options.peer:
            values |= {"peer_url": found[1].url, "peer_watch": str(found[1].pid)}
        if command:
            filled = [word.format(**values) for word in command]
            return subprocess.run(filled, check=False).returncode
        print(values, flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())
