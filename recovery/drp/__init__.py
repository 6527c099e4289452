"""Disaster recovery plans: runbooks, the plan that people see, approvals, runs."""
