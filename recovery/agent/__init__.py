"""What runs on a host: heartbeats out, orders in, containers kept alive. No Django."""
