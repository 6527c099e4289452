"""What a returned copy holds beyond its primary, as files in a store."""
