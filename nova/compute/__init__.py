"""The host agent: runs HOST steps through the driver and reports what the host is. Opens no database."""
