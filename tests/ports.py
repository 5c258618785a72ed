"""A port for a process that is about to be started."""

import socket


def free_port() -> int:
    """Free a moment ago; nobody holds it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
