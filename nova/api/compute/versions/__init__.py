"""Version documents: what the service offers, with and without a token."""
