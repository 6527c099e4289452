"""One round over the databases: rows, facts, acts, stories, alarms."""
