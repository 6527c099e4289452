"""Database engines behind `core.ports.DatabaseEngine`: PostgreSQL, Valkey and Redis."""
