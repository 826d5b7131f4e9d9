"""What ``tools/test`` is made of: interpreters, environments, steps. Standard library only."""
