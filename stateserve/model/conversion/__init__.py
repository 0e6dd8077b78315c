"""Convert checkpoints; torch is imported only to run the code of a file that the user trusts."""
