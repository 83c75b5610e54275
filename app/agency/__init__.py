"""The payment agency: the port, the wire contract and its adapters; no database, no screens, no use cases."""
