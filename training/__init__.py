"""Train Multiclass offline and write the checkpoint that app/ serves."""
