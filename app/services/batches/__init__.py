"""Payout batches: making, lines held out, checks, approval. What happens after sending lives in packets."""
