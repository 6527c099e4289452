"""The notifier process: the outbox in PostgreSQL, delivered with or without Redis."""
