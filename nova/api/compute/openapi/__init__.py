"""The description of this API that the service itself serves."""
