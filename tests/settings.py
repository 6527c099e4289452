"""The settings of a test run: `dashboard.settings` with a state folder of the run's own.

The folder's name travels to the xdist workers and to child processes by environment.
"""

import os
import tempfile

from tests.support.folders import prefer_memory

if "TOCSIN_TEST_RUN" not in os.environ:
    prefer_memory()
    os.environ["TOCSIN_TEST_RUN"] = tempfile.mkdtemp(prefix="tocsin-test-")
os.environ["TOCSIN_VAR"] = f"{os.environ['TOCSIN_TEST_RUN']}/var"
os.environ.setdefault("TOCSIN_SECRET_KEY", "for-tests-alone")
os.environ.setdefault("TOCSIN_VAULT_KEYS", "Zm9yLXRlc3RzLWFsb25lLWZvci10ZXN0cy1hbG9uZSE")

from dashboard.settings import *  # noqa: F403 - the settings under test, all of them

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
