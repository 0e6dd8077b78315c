"""The prediction log: what was asked and answered, and what turned out to be true."""
