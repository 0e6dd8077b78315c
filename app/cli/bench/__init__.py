"""The command bench: requests to a service, and the times of their answers."""
