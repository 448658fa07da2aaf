"""llama.cpp's HTTP server with one model, on loopback, at a free port that it prints."""

import os
import sys
import time

import xllamacpp

cores = len(os.sched_getaffinity(0))
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
# As much window for each of the slots as the engine inside rlm-ctl gives.
params.n_parallel = 4
params.n_ctx = 4 * 8192
params.hostnames = ["127.0.0.1"]
params.port = 0
params.cpuparams.n_threads = cores
params.cpuparams_batch.n_threads = cores
server = xllamacpp.Server(params)
print("serving at", server.listening_address, flush=True)
while True:
    time.sleep(3600)
