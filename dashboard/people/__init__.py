"""Who may come in: the groups and the people of the demonstration."""
