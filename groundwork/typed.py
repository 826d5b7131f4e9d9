"""Plain JSON values as values of declared types, from many threads at once."""

from __future__ import annotations

import threading
from typing import Any

import msgspec

_lock = threading.Lock()
# Types whose description msgspec has complete, and those inside of them. Only ever grows, by the types in the code.
_described: set[Any] = set()


def convert(plain: Any, wanted: Any, *, str_keys: bool = False) -> Any:
    """``msgspec.convert`` that no other thread can crash.

    1. At the first use of a dataclass, msgspec attaches an empty description to the class and begins to fill it in.
    2. To read the class's annotations it runs Python code, in which the threads may change.
    3. The other thread finds the description, takes it for complete, and the process dies of a segmentation fault
       (msgspec 0.22 and before). A daemon that starts while messages wait for it does so once in a while.

    So here the first use of each type is over before anybody else's begins.

    :raises msgspec.ValidationError: the value does not fit the type.
    """
    if wanted not in _described:
        with _lock:
            msgspec.json.Decoder(wanted)
            _described.add(wanted)
    return msgspec.convert(plain, wanted, str_keys=str_keys)
