"""The resources of the Compute API, one folder each: ``operations``, ``schemas``, ``views``."""
