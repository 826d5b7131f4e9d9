"""Standard traits that end in the name of a thing."""

from __future__ import annotations

import re

_OTHERS = re.compile("[^A-Z0-9]+")


def trait_name(family: str, thing: str) -> str:
    """``COMPUTE_NET_VIF_MODEL``, ``ne2k-pci`` -> ``COMPUTE_NET_VIF_MODEL_NE2K_PCI``.

    Nobody has the trait of a thing that does not exist.
    """
    return f"{family}_{_OTHERS.sub('_', thing.upper())}"
