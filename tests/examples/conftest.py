"""The Ray that tests share, for examples that run on one."""

from tests.fabric.conftest import local_ray

__all__ = ["local_ray"]
