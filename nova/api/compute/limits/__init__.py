"""What the own project may have, and has."""
