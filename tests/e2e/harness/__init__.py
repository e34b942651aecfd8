"""What the end-to-end tests, the demo and the benchmark stand on: a server, a fake cloud, and hands for both.

Only this package knows how the server is started and spoken to. Nothing in it needs pytest.
"""
