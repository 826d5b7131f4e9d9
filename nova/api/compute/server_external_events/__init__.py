"""Events that other services tell of: ports plugged, volumes grown."""
