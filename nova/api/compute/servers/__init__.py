"""Servers: create, list, show, delete."""
