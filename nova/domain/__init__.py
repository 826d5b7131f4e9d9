"""Values that all rooms exchange: servers, flavors, requests. Frozen, without behaviour that needs anybody else."""
