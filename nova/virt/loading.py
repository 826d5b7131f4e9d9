"""From the option ``compute_driver`` to a driver."""

from __future__ import annotations

import importlib
import inspect
from typing import Protocol, cast

from oslo_config import cfg

from groundwork.errors import Invalid
from nova.virt.driver import Driver

_REQUIRED = sorted(name for name in vars(Driver) if not name.startswith("_"))


class DriverClass(Protocol):
    """What the class behind ``compute_driver`` offers besides the driver interface."""

    def from_conf(self, conf: cfg.ConfigOpts, *, host: str) -> Driver:
        """A driver for this host from the operator's options; a driver registers its own options
        here.
        """


def load_driver(name: str, conf: cfg.ConfigOpts, *, host: str) -> Driver:
    """The driver that ``compute_driver`` names, not started yet.

    :param name: ``fake.FakeDriver`` (module and class below ``nova.virt``), or the full dotted path
        of any class.
    :raises Invalid: no such class, or it is not a driver; the text is one line for the operator.
    """
    return find_driver_class(name).from_conf(conf, host=host)


def find_driver_class(name: str) -> DriverClass:
    """The class that ``name`` means; see ``load_driver``."""
    module_name, _, class_name = name.strip().rpartition(".")
    if not module_name or not all(part.isidentifier() for part in name.strip().split(".")):
        raise Invalid(
            f"compute_driver = {name!r}: give module and class, such as fake.FakeDriver, "
            "or the full path of a class."
        )
    for candidate in (f"nova.virt.{module_name}", module_name):
        if _exists(candidate, option=name):
            return _driver_class(candidate, class_name, option=name)
    raise Invalid(f"compute_driver = {name!r}: there is no module {module_name}.")


def _exists(module_name: str, *, option: str) -> bool:
    """Whether the module can be imported; one that is there and broken is not the same as one that
    is not there.
    """
    try:
        importlib.import_module(module_name)
    except ModuleNotFoundError as exc:
        # Only a missing part of the asked-for path means "look elsewhere"; a missing dependency is
        # told as it is.
        if exc.name and (module_name + ".").startswith(exc.name + "."):
            return False
        raise Invalid(f"compute_driver = {option!r}: {exc.name} is not installed.") from exc
    except ImportError as exc:
        raise Invalid(
            f"compute_driver = {option!r}: {module_name} cannot be imported: {exc}"
        ) from exc
    return True


def _driver_class(module_name: str, class_name: str, *, option: str) -> DriverClass:
    found = getattr(importlib.import_module(module_name), class_name, None)
    if not inspect.isclass(found):
        raise Invalid(f"compute_driver = {option!r}: {module_name} has no class {class_name}.")
    missing = [name for name in [*_REQUIRED, "from_conf"] if not hasattr(found, name)]
    if missing:
        raise Invalid(f"compute_driver = {option!r}: no driver, it lacks {', '.join(missing)}.")
    return cast(DriverClass, found)
