"""What the servers of projects used over a time."""
