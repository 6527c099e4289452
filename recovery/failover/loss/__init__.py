"""What a promotion would lose: what the primary told, and what follows from it."""
