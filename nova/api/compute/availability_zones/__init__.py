"""Availability zones and whether they take servers."""
