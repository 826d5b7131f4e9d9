"""A multi-cell compute control plane: the Compute API and the daemons behind it."""

__version__ = "1.0.0"
