"""Consoles that clients open through a proxy."""
