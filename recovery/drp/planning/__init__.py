"""From a runbook and the inventory to a plan that people sign: targets, quotes, what it leaves."""
