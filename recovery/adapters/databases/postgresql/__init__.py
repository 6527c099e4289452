"""PostgreSQL as a database of users: Debian's 15, the wheel's 18, whatever else is installed."""
