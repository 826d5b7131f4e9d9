"""Limits of projects and of users in them."""
