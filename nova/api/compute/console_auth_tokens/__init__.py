"""What console tokens lead to."""
