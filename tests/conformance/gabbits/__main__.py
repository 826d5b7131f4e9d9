"""Runs the published files, one fresh deployment each, and says how each of them went.

Exit status 0 when every case passed: a skipped one counts as failed, since it proves nothing.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
import unittest
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gabbi import handlers, suitemaker, utils

from tests.conformance.environments import own_environment
from tests.conformance.gabbits import fixtures
from tests.conformance.placement_service import PlacementService

PUBLISHED = "openstack-placement==16.0.0"
_FILES = "lib/python*/site-packages/placement/tests/functional/gabbits"

# A case in it has a Content-Length that no HTTP client lets out; the file goes to the WSGI application directly.
_NOT_SENT_BY_HTTP_CLIENTS = frozenset({"basic-http"})


class FileResult(unittest.TestResult):
    """Counts the cases of one file and prints those that failed."""

    def __init__(self, file_name: str) -> None:
        super().__init__()
        self._file_name = file_name
        self.counts: Counter[str] = Counter()

    def addSuccess(self, test: unittest.TestCase) -> None:
        self.counts["passed"] += 1

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._show("failed", test, err[1])

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        self._show("failed", test, err[1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._show("skipped", test, reason)

    def _show(self, outcome: str, test: unittest.TestCase, why: object) -> None:
        self.counts[outcome] += 1
        name = type(test).__name__
        print(f"{self._file_name}: {name} {outcome}:\n    {why!s:.2000}", flush=True)


def main() -> int:
    """0 when everything passed, 1 otherwise."""
    given = _parser().parse_args()
    logging.disable(logging.CRITICAL if given.quiet else logging.WARNING)
    began = time.monotonic()
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        service = PlacementService(Path(folder))
        service.start()
        fixtures.APIFixture.service = service
        try:
            for suite in _suites(service, given.files):
                name = next(iter(suite)).test_base_name
                result = FileResult(name)
                suite.run(result)
                total += result.counts
                shown = ", ".join(f"{number} {kind}" for kind, number in result.counts.items())
                print(f"{name:<55} {shown}", flush=True)
        finally:
            service.stop()
    print(
        f"{total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped"
        f" in {time.monotonic() - began:.2f}s"
    )
    return 0 if total["passed"] and set(+total) == {"passed"} else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="names of files without .yaml (all of them)")
    parser.add_argument("--quiet", action="store_true", help="without the log of the service")
    return parser


def _suites(service: PlacementService, asked: Sequence[str]) -> Iterator[unittest.TestSuite]:
    """Each file, or those asked for, with its cases in order."""
    environment = own_environment("gabbits", PUBLISHED, with_dependencies=False)
    (folder,) = environment.glob(_FILES)
    checks = [handler() for handler in handlers.RESPONSE_HANDLERS]
    for file in sorted(folder.glob("*.yaml")):
        if asked and file.stem not in asked:
            continue
        in_process = file.stem in _NOT_SENT_BY_HTTP_CLIENTS
        yield suitemaker.test_suite_from_dict(
            unittest.TestLoader(),
            file.stem,
            utils.load_yaml(yaml_file=str(file)),
            str(folder),
            str(uuid.uuid4()) if in_process else "127.0.0.1",
            service.port,
            fixtures,
            (lambda: service) if in_process else None,
            test_loader_name="gabbits",
            handlers=checks,
        )


if __name__ == "__main__":
    sys.exit(main())
