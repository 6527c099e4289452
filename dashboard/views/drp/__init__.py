"""The pages that lead two people through a recovery plan."""
