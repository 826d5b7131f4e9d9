"""Server tags."""
