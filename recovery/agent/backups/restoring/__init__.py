"""What a restore needs: where it stands, what unpacks it, the server that proves it."""
