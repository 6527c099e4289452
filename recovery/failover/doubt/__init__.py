"""Rows that may be older than the world (B11): what agents say, and who leads by it."""
