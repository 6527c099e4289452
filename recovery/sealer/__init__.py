"""The sealer: audit entries into a Merkle log, under signed checkpoints."""
