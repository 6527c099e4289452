"""Valkey and Redis, which speak alike: Valkey 9 from its wheel, Debian's Redis 7."""
