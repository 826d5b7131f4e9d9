"""Limits of quota classes, of which one counts: that of all projects without limits of their own."""
