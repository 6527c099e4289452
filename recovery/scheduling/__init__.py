"""Where lost containers go: reconcile, feasible, rank; drain, cordon; what-if."""
