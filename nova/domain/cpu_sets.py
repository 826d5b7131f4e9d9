"""Sets of CPUs as operators write them: ``0-3,^2,8`` is 0, 1, 3 and 8."""

from __future__ import annotations

import re

from groundwork.errors import Invalid

_PART = re.compile(r"(\^?)([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)


def parse_cpus(text: str, *, all_but: frozenset[int] = frozenset()) -> frozenset[int]:
    """The CPUs of a set.

    :param all_but: what a set begins with that says only what is left out (``^0-1``).
    :raises Invalid: the text is no set of CPUs, or holds none.
    """
    inside, outside = set[int](), set[int]()
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise Invalid(f"{text!r} is no set of CPUs.")
        first = int(match[2])
        last = first if match[3] is None else int(match[3])
        if last < first:
            raise Invalid(f"{text!r} is no set of CPUs: {part.strip()} is empty.")
        (outside if match[1] else inside).update(range(first, last + 1))
    found = frozenset((inside or all_but) - outside)
    if not found:
        raise Invalid(f"{text!r} is an empty set of CPUs.")
    return found
