"""Where drills are carried out: hosts of their own, what is begun there, and that it is gone."""
