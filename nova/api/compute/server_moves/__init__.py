"""``resize``, ``confirmResize``, ``revertResize`` and ``migrate`` of ``POST /servers/{id}/action``."""
