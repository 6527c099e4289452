"""When a restore will be done: what is left of it, and how fast it goes here."""
