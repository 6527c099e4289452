"""A transparency log, pure: RFC 6962's tree and proofs, C2SP's notes, checkpoints, cosignatures.

No Django, no I/O, no clock: the sealer, the witnesses on the hosts and the verifier share it.
"""
