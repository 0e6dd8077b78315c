"""Write state_dicts in each format, chunk by chunk."""
