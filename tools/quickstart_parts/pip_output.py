"""What pip says, put short."""

from __future__ import annotations

import re


def newest_step(text: str) -> str | None:
    """The newest line that tells what pip does, shortened; None when there is none."""
    for line in reversed(text.splitlines()):
        found = re.match(r"\s*(Collecting|Downloading|Building|Obtaining) (\S+)", line)
        if found:
            return f"{found[1].lower()} {found[2]}"
        if line.startswith("Installing collected packages"):
            return f"installing {line.count(',') + 1} packages"
    return None


def why_it_failed(text: str) -> str:
    """One sentence for the person who has to do something about it."""
    if re.search(r"\b(gcc|cc|clang|C compiler)\b.*(not found|No such file|cannot)", text):
        return (
            "a package has no wheel for this machine and there is no C compiler "
            "(apt install gcc python3-dev)"
        )
    if re.search(
        r"NewConnectionError|Could not fetch URL|Temporary failure in name resolution", text
    ):
        return "pip cannot reach PyPI"
    errors = re.findall(r"^ERROR: (.+)", text, re.MULTILINE)
    return f"pip could not install: {errors[-1]}" if errors else "pip could not install"
