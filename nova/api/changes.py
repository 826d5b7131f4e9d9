"""Views that grew over the microversions: the first form, then one function per change, oldest first."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar

from groundwork.versions import Version

Shown = TypeVar("Shown")
Change = TypeVar("Change", bound=Callable[..., None])
_MARK = "__changed_in__"


def changed_in(version: str) -> Callable[[Change], Change]:
    """Declare a method ``(self, body, shown) -> None`` of a :class:`View` as what changed in ``version``."""
    since = Version.parse(version)

    def declare(change: Change) -> Change:
        setattr(change, _MARK, since)
        return change

    return declare


class View(Generic[Shown]):
    """How one kind of thing is shown: ``start`` makes the body of 2.1, the changes bring it up to a version.

    Changes of the same version are applied in the order in which the class lists them.
    """

    _changes: tuple[tuple[Version, Callable[[Any, dict[str, Any], Any], None]], ...] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        methods: dict[str, Callable[..., None]] = {}
        for owner in reversed(cls.__mro__):
            for name, method in vars(owner).items():
                if hasattr(method, _MARK):
                    methods[name] = method
                elif name in methods:
                    raise TypeError(f"{cls.__name__}.{name} hides a change: give it a version")
        # sorted() is stable, so methods of one version keep their order.
        cls._changes = tuple(
            sorted(((getattr(m, _MARK), m) for m in methods.values()), key=lambda found: found[0])
        )

    def start(self, shown: Shown) -> dict[str, Any]:
        """The body as of 2.1."""
        raise NotImplementedError

    def show(self, version: Version, shown: Shown) -> dict[str, Any]:
        """The body as of ``version``."""
        body = self.start(shown)
        for change in self._changes_up_to(version):
            change(self, body, shown)
        return body

    @classmethod
    @lru_cache(maxsize=1024)
    def _changes_up_to(cls, version: Version) -> tuple[Callable[..., None], ...]:
        """Looked up once for a version, as comparing versions for every row of a list is half of showing it."""
        return tuple(change for since, change in cls._changes if since <= version)
