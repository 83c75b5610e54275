"""Pure domain facts on the standard library alone: no Flask, no SQLAlchemy, no clock, no settings."""
