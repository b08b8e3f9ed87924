"""`alloy demo`: the whole promise, acted out by a user of the REST API alone."""
