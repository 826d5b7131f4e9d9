"""Hypervisors: the compute nodes of all cells and what their servers use of them."""
