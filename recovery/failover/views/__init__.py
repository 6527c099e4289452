"""What a page or the API says of a database, its copies and its failovers."""
