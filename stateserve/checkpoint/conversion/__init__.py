"""Write the state of a file in another format, dtype or size of file, one tensor at a time."""
