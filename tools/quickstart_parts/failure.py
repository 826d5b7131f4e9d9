"""The one exception of the quick start."""

from __future__ import annotations

from pathlib import Path


class Failure(Exception):
    """Something that ends the quick start, told in one line.

    ``log`` names the file whose last lines explain it, when there is one; ``shows_log`` says whether those
    lines add anything to the sentence.
    """

    def __init__(self, sentence: str, *, log: Path | None = None, shows_log: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.log = log
        self.shows_log = shows_log


def last_lines(log: Path, count: int = 15) -> list[str]:
    """The last ``count`` lines of ``log`` that hold anything; none when it cannot be read."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [line for line in text.splitlines() if line.strip()][-count:]
