"""A lab host's network as the daemon plays it: relayed connections, and mode `relay` as a whole."""
