"""What all tests share: hypothesis without chance or clock, and one Ray for the session."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("laws", deadline=None, derandomize=True, database=None, print_blob=False)
settings.load_profile("laws")


@pytest.fixture(scope="session")
def ray_session() -> Iterator[None]:
    """One Ray with two workers' worth of CPUs, which `sweeps.train.executors.tune.run` finds and uses."""
    from sweeps.train.executors import connection  # sets Ray's environment before Ray is imported

    with connection.private():
        connection.ray.init(
            address="local",
            num_cpus=2,
            num_gpus=1,  # pretended: Ray only counts them
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            log_to_driver=False,
            logging_level="ERROR",
        )
        yield
        connection.ray.shutdown()
