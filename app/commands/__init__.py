"""Commands of `flask`, one module per noun; each opens its own transaction and calls services."""
