"""The threads that ask one cell: few, started when needed, and no hindrance to the end of a process."""

from __future__ import annotations

import subprocess
import sys
import threading

from nova.cells.lane import Lane

PATIENCE_S = 60.0


def test_idle_thread_is_used_again() -> None:
    lane = Lane("lane", threads=4)
    seen = set()
    for _ in range(50):
        done = threading.Event()

        def work(done: threading.Event = done) -> None:
            seen.add(threading.get_ident())
            done.set()

        lane.do(work)
        assert done.wait(PATIENCE_S)
    # A second one starts when work comes before the first has sat down again.
    assert lane.threads == len(seen) <= 4
    lane.close()


def test_no_more_threads_than_allowed_and_all_work_is_done() -> None:
    lane = Lane("lane", threads=3)
    begun, release, done = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)

    def work() -> None:
        begun.release()
        release.wait(PATIENCE_S)
        done.release()

    for _ in range(10):
        lane.do(work)
    for _ in range(3):
        assert begun.acquire(timeout=PATIENCE_S)
    assert lane.threads == 3
    assert not begun.acquire(blocking=False)
    release.set()
    for _ in range(10):
        assert done.acquire(timeout=PATIENCE_S)
    lane.close()


def test_closed_lane_lets_its_threads_end() -> None:
    lane = Lane("short lane", threads=2)
    lane.do(lambda: None)
    lane.close()
    lane.close()
    for thread in threading.enumerate():
        if thread.name == "short lane":
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def test_stuck_thread_keeps_no_process_from_ending() -> None:
    program = (
        "import threading; from nova.cells.lane import Lane; begun = threading.Event()\n"
        "def stuck(): begun.set(); threading.Event().wait()\n"
        "Lane('lane', threads=1).do(stuck); begun.wait(); print('end')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert (ended.returncode, ended.stdout) == (0, "end\n"), ended.stderr
