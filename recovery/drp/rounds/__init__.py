"""One round of the leader: whose turn it is, for how long, and what goes wrong in it."""
