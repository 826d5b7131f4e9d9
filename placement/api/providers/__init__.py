"""``/resource_providers`` and ``/resource_providers/{uuid}``."""
