"""Read each format of checkpoint, chosen by content, as a tree whose tensors stay in the file."""
