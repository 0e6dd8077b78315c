"""Ratios, measured in one run: a server on one core, wrk on another."""
