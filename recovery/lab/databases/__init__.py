"""The lab's databases: what the file says of them, their rows, and their writing users."""
