"""The fixtures of pytest-xdist, with its meaning."""
import os

import pytest


@pytest.fixture(scope="session")
def worker_id(request):
    """'gw0', 'gw1', ...: no two workers that live at the same time have the same; 'master' where tests run in order."""
    worker_input = getattr(request.config, "workerinput", None)
    return worker_input["workerid"] if worker_input else "master"


@pytest.fixture(scope="session")
def testrun_uid():
    """The same in all workers of a run."""
    return os.environ["PYTEST_XDIST_TESTRUNUID"]
