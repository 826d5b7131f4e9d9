"""Flavors: the sizes that servers come in, their extra specs, and who may use the private ones."""
