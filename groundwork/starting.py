"""How every process begins: options read and checked, logging on, mistakes told in one line."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from oslo_config import cfg
from oslo_log import log

from groundwork.errors import Problem

#: The exit status of operators' commands when something happened that none of their statuses stands for.
UNEXPECTED = 255
_INTERRUPTED = 130

_PLACE = re.compile(r"detail='([^']+)'")


def read_options(
    conf: cfg.ConfigOpts,
    *,
    project: str,
    arguments: Sequence[str],
    config_files: Sequence[str] | None = None,
    config_dirs: Sequence[str] | None = None,
    version: str,
) -> None:
    """Read the configuration and look at every option once, so that a bad value stops the start and not a request.

    :raises BadOption: a value, a file or a required option is wrong; the text is one line.
    """
    calm_libraries()
    try:
        conf(
            list(arguments),
            project=project,
            version=version,
            default_config_files=list(config_files) if config_files is not None else None,
            default_config_dirs=list(config_dirs) if config_dirs is not None else None,
        )
        _look_at_all(conf)
    except cfg.ConfigFilesNotFoundError as exc:
        raise BadOption(f"configuration file not found: {', '.join(exc.config_files)}") from exc
    except cfg.ConfigFilesPermissionDeniedError as exc:
        raise BadOption(f"configuration file not readable: {', '.join(exc.config_files)}") from exc
    except cfg.ConfigFileParseError as exc:
        raise BadOption(
            f"configuration file {exc.config_file}: {exc.msg}".replace("\n", " ")
        ) from exc
    except (cfg.Error, ValueError) as exc:
        raise BadOption(str(exc).replace("\n", " ")) from exc


class BadOption(Problem):
    """The configuration cannot be used."""


def _look_at_all(conf: cfg.ConfigOpts) -> None:
    """Convert every value now; oslo.config does it at first use, which may be days later."""
    groups: dict[str | None, Sequence[str]] = {
        None: [name for name in conf if name not in conf._groups]
    }
    groups.update({name: list(conf[name]) for name in conf._groups})
    for group, names in groups.items():
        for name in names:
            try:
                getattr(conf if group is None else conf[group], name)
            except cfg.NoSuchOptError:
                continue
            except cfg.ConfigFileValueError as exc:
                place = f"option {name} in group [{group or 'DEFAULT'}]"
                raise BadOption(f"{place}: {_reason(exc)}") from exc


def _reason(exc: cfg.ConfigFileValueError) -> str:
    """What is wrong and in which file, without oslo.config's notation for places."""
    _, _, reason = str(exc).partition(" is not valid: ")
    found = _PLACE.search(str(exc))
    file = f" (in {found[1]})" if found else ""
    return f"{reason or exc}{file}"


def calm_libraries() -> None:
    """Keep libraries that chat at warning; counts only until the options are read."""
    log.set_defaults(
        default_log_levels=[
            *log.get_default_log_levels(),
            "oslo_messaging=WARNING",
            "amqp=WARNING",
            "alembic=WARNING",
            "keystonemiddleware=WARNING",
            "stevedore=WARNING",
            "urllib3=WARNING",
            "keystoneauth=WARNING",
            "oslo_policy=WARNING",
            "oslo_service=WARNING",
        ]
    )


def set_up_logging(conf: cfg.ConfigOpts, *, project: str, version: str) -> None:
    """oslo.log as configured."""
    log.setup(conf, project, version)


def run(program: str, main: Callable[[], int | None]) -> NoReturn:
    """Run a console script: problems become one line on standard error and exit status 1."""
    try:
        sys.exit(main() or 0)
    except Problem as problem:
        print(f"{program}: {problem}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def command_status(program: str, command: Callable[[], int]) -> int:
    """The exit status of a command whose statuses are results: that of ``command``, or for what it did not foresee 255.

    A failure becomes one line on standard error. A mistake on the command line is none of the results either; argparse
    would leave with 2, which has a meaning of its own.
    """
    try:
        return command()
    except SystemExit as exc:
        return UNEXPECTED if exc.code else 0
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as exc:
        text = str(exc).strip() or type(exc).__name__
        print(f"{program}: {text.splitlines()[0]}", file=sys.stderr)
        return UNEXPECTED
