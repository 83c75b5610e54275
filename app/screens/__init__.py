"""Generated screens, one module per noun; rules live in services."""
