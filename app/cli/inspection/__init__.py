"""The command inspect: what a file of tensors holds, and whether its values are sane."""
