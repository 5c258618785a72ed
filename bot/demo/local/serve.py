"""Serves a model file with an OpenAI-compatible API on loopback: `serve.py MODEL`. Prints its address when it is ready.

Runs in the runtime's own environment, so it imports nothing of the bot.
"""

import os
import sys
import threading

import xllamacpp

CONTEXT_TOKENS = 16_384


def _keep_to_the_point(sampling: xllamacpp.CommonParamsSampling) -> None:
    """A model of this size otherwise falls into loops that end only at the limit, and answers otherwise each time."""
    sampling.seed = 1
    sampling.temp = 0.2
    sampling.penalty_repeat = 1.05
    sampling.dry_multiplier = 0.8
    sampling.dry_allowed_length = 10
    sampling.dry_penalty_last_n = 1_024


def main() -> None:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = os.cpu_count() or 2
    _keep_to_the_point(parameters.sampling)
    parameters.ui = False
    parameters.offline = True
    server = xllamacpp.Server(parameters)
    sys.stdout.write(f"listening {server.listening_address}\n")
    sys.stdout.flush()
    threading.Event().wait()


main()
