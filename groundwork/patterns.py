"""Regular expressions of callers, searched for in linear time.

Python's own engine tries every way in which a pattern could fit: with ``(a+)+$`` a name of thirty letters keeps it busy
for minutes, and the whole process with it, because it holds the interpreter's lock meanwhile. RE2 takes time in
proportion to the text, and lets other threads run. What it cannot do that way, back-references and look-around, it
refuses.
"""

from __future__ import annotations

import functools
from typing import Any

import re2

from groundwork.errors import Invalid

# Of one compiled pattern and what it remembers while it searches. Larger: patterns like ``\pL{0,300}`` are taken, which
# cost a quarter of a second each before the search begins. Smaller: long lists of names, joined by ``|``, are refused.
_MAX_BYTES = 1 << 20

# A filter may come with many patterns, and each is asked about every row.
_KEPT = 256


def check_pattern(pattern: str) -> None:
    """Nothing, when the pattern can be searched for.

    :raises Invalid: it is no regular expression, or has what cannot be searched for in linear time.
    """
    _compiled(pattern)


def contains(text: str, pattern: str) -> bool:
    """Whether the pattern, in the syntax of RE2, fits anywhere in the text. Upper and lower case differ.

    :raises Invalid: as :func:`check_pattern`.
    """
    return _compiled(pattern).search(text) is not None


@functools.lru_cache(maxsize=_KEPT)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = _MAX_BYTES
    # It would write to the standard error output.
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as exc:
        raise Invalid("A regular expression in the filters cannot be used.") from exc
