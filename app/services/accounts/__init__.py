"""Accounts of people: issued, changed and closed by an administrator; attempts to sign in are counted."""
