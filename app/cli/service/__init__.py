"""The commands about the service: serve, settings, doctor and key."""
