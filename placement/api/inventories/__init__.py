"""``/resource_providers/{uuid}/inventories`` and its classes."""
