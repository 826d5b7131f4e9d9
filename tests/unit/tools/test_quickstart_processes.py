"""Processes of the quick start: ended with all they started, and explained when they fail."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from quickstart_parts.causes import cause_of, never_loaded
from quickstart_parts.process_use import use_of_sessions
from quickstart_parts.processes import describe_end, session_members, start, stop


def _wait_for_text(log: Path, text: str) -> None:
    deadline = time.monotonic() + 20
    while text not in log.read_text():
        assert time.monotonic() < deadline, f"{text!r} never appeared"
        os.sched_yield()


def test_stop_ends_children_that_ignore_the_signal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stubborn = 'trap "" TERM; echo up; while :; do read -t 1 line <> <(:) || :; done'
    process = start(["bash", "-c", f"({stubborn}) & wait"], log=log)
    _wait_for_text(log, "up")
    assert len(session_members(process.pid)) >= 2
    stop([process], patience_s=0.1)
    assert session_members(process.pid) == ()
    assert process.returncode == -15


def test_memory_and_cpu_are_told_per_process(tmp_path: Path) -> None:
    log = tmp_path / "log"
    process = start(["bash", "-c", "echo up; read line < <(sleep 60)"], log=log)
    try:
        _wait_for_text(log, "up")
        uses = use_of_sessions({process.pid: "a shell"})
        assert uses[0].name == "a shell"
        assert uses[0].pid == process.pid
        assert 0 < uses[0].pss_mb <= uses[0].rss_mb
        assert 0 <= uses[0].cpu_s < 60
    finally:
        stop([process])


@pytest.mark.parametrize(
    ("return_code", "words"), [(1, "ended with status 1"), (-9, "was killed by SIGKILL")]
)
def test_end_is_described_in_words(return_code: int, words: str) -> None:
    assert describe_end(return_code) == words


_PLAIN = """starting
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    boom()
KeyError: 'inner'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 2, in <module>
    boom()
some.module.BadStore: no such store
unable to load app 0 (mountpoint='') (callable not found or import error)
*** no app loaded. GAME OVER ***
"""

_LEFT_WHILE_LOADING = """spawned uWSGI worker 1 (pid: 77, cores: 4)
placement-api: the database is at schema none
DAMN ! worker 1 (pid: 77) died :( trying respawn ...
Respawned uWSGI worker 1 (new pid: 78)
"""

_DIED_LATER = """WSGI app 0 (mountpoint='') ready in 2 seconds
DAMN ! worker 1 (pid: 77) died, killed by signal 9 :( trying respawn ...
"""

_LOGGED = """2026-11-22 11:25:56.412 77 ERROR keystone [None req-1 - - -] x: x
2026-11-22 11:25:56.412 77 ERROR keystone Traceback (most recent call last):
2026-11-22 11:25:56.412 77 ERROR keystone   File "a.py", line 1, in f
2026-11-22 11:25:56.412 77 ERROR keystone ValueError: 'many' is no number
2026-11-22 11:25:57.412 77 INFO keystone [-] goodbye
"""

_SENTENCE = """warming up
nova.conf: option [quota] instances: 'many' is not a number
"""


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (_PLAIN, "some.module.BadStore: no such store"),
        (_LEFT_WHILE_LOADING, "placement-api: the database is at schema none"),
        (_LOGGED, "ValueError: 'many' is no number"),
        (_SENTENCE, "nova.conf: option [quota] instances: 'many' is not a number"),
        ("", None),
    ],
)
def test_cause_is_the_last_exception_or_the_last_sentence(
    tmp_path: Path, text: str, cause: str | None
) -> None:
    log = tmp_path / "service.log"
    log.write_text(text)
    assert cause_of(log) == cause


@pytest.mark.parametrize(
    ("text", "never"),
    [(_PLAIN, True), (_LEFT_WHILE_LOADING, True), (_DIED_LATER, False), (_LOGGED, False)],
)
def test_worker_that_dies_after_loading_is_no_failure_to_load(
    tmp_path: Path, text: str, never: bool
) -> None:
    log = tmp_path / "service.log"
    log.write_text(text)
    assert never_loaded(log) is never
