"""Recovery points of each database in three places: how old, where, proven when, lost how much."""
