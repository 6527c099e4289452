"""A person's restore of a database: from its word to users who are led to it."""
