"""Finding filters and weighers by the class paths that operators write."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from groundwork.errors import Invalid

T = TypeVar("T")


def load_classes(
    paths: Iterable[str],
    kind: type[T],
    *,
    own: Iterable[type[T]] = (),
    adapt: Callable[[type], type[T] | None] = lambda _other: None,
) -> tuple[type[T], ...]:
    """The classes at these paths, each once, in order.

    A path names a class, or a function that gives several: ``nova.scheduler.filters.all_filters``.

    :param own: classes that come with the scheduler. They are found by name under whatever module of their package,
        because configurations out there name modules (``...weights.ram.RAMWeigher``) that are cut otherwise here.
    :param adapt: makes one of our kind of a class that is not, or None if it cannot.
    :raises Invalid: there is nothing of that kind at a path; one line for the operator.
    """
    found: dict[object, type[T]] = {}
    by_name = {one.__name__: one for one in own}
    package = kind.__module__.rpartition(".")[0] + "."
    for path in paths:
        thing = by_name.get(path.rpartition(".")[2]) if path.startswith(package) else None
        thing = thing or _import(path)
        members: Sequence[object] = [thing] if inspect.isclass(thing) else list(thing())
        for member in members:
            fitting = _of_kind(member, kind, adapt)
            if fitting is None:
                raise Invalid(f"{path} is no {kind.__name__} of the scheduler.")
            found[member] = fitting
    return tuple(found.values())


def _of_kind(
    member: object, kind: type[T], adapt: Callable[[type], type[T] | None]
) -> type[T] | None:
    if not inspect.isclass(member):
        return None
    return member if issubclass(member, kind) else adapt(member)


def _import(path: str):  # type: ignore[no-untyped-def]
    module_name, _, name = path.rpartition(".")
    try:
        thing = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as exc:
        raise Invalid(f"{path} cannot be loaded: {exc}") from exc
    if not callable(thing):
        raise Invalid(f"{path} is neither a class nor a function that lists classes.")
    return thing
