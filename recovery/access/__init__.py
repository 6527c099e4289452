"""Who may come in: people with their role, and tokens for machines."""
