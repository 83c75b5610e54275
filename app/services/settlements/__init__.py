"""Settlements: what agencies report about a packet's lines, what people decide, and the lock that writes it down."""
