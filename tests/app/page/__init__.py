"""A package, so that its modules share a browser: the scope of a fixture."""
