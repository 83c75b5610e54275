"""A day of the demo under every fault of the sandbox, and what is left of it when the weather has cleared."""
