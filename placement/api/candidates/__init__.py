"""``/allocation_candidates``."""
