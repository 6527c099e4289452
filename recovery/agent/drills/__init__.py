"""What a host that is there for drills runs instead of an agent: nothing of production."""
