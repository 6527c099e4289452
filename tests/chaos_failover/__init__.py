"""Random schedules against databases and their hosts, with clients at both sides of each.

Never two servers of one database that accept writes (I-DB-1), nothing acknowledged lost where
that was promised (I-DB-2), everything whole again within two minutes.
"""
