"""The request context as the compute services use it."""

from groundwork.context import RequestContext, from_environ

__all__ = ["RequestContext", "from_environ"]
