"""Services of all cells: seen, switched on and off, declared dead, removed."""
