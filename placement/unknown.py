"""Names that a request uses and that nothing has. What was going to be done with them is said by whoever catches it."""

from __future__ import annotations

from collections.abc import Iterable

from groundwork.errors import Invalid


class UnknownNames(Invalid):
    """``names`` do not exist."""

    def __init__(self, text: str, names: Iterable[str]) -> None:
        self.names = frozenset(names)
        super().__init__(text.format(", ".join(sorted(self.names))))


class UnknownTraits(UnknownNames):
    """These are no traits."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__("No such trait(s): {}.", names)


class UnknownClasses(UnknownNames):
    """These are no resource classes."""

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__("No such resource class {}", names)
