"""Migrations of all servers, as operators list them."""
