"""Serves a model file with an OpenAI-compatible API on loopback: `serve.py MODEL`. Prints its address when it is ready.

Runs in the runtime's own environment, so it imports nothing of the bot.
"""

import os
import sys
import threading

import xllamacpp

CONTEXT_TOKENS = 16_384


def main() -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = os.cpu_count() or 2
    parameters.ui = False
    parameters.offline = True
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"listening {server.listening_address}\n")
    sys.stdout.flush()
    threading.Event().wait()


main()
