"""Truy thu: money wrongly paid that must come back; proposed, decided, withheld from lists, paid back, written off.

Every amount that comes back is an entry of a ledger nobody can rewrite, mirrored by the journal
(docs/decisions/004-recoveries.md).
"""
