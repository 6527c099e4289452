"""What pages and API do alike: find the row, call its room's action, say what came of it."""
