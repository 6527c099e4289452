"""Mode `netns`, as root: every host's first process owns an anonymous network namespace.

Nothing of it has a name that could outlive its owner: the namespaces live as long as the
processes and the descriptor that hold them, and the links between them vanish with either end.
"""
