"""``/allocations``, ``/resource_providers/{uuid}/allocations`` and ``/reshaper``."""
