"""Makes the fixtures that plugin authors get available to every test of this repository."""

pytest_plugins = ["asd_bench.testing.fixtures"]
