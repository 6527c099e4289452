"""Gateway: the agents' side."""
