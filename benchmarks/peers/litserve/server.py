"""LitServe.

Followed: LitServe's documentation, "Batching", "LitAPI" and "Speed up serving by 200x".
Settings: one worker and one API server (one core), batches of up to 32 rows with a wait of at
most 1 ms, fast_queue (ZeroMQ, advised above 100 requests/s), log level "warning".
"""

import sys

import litserve

from benchmarks.peers.iris import FEATURES, Iris


class BatchAPI(litserve.LitAPI):
    """Takes and returns lists of rows."""

    def __init__(self):
        super().__init__(max_batch_size=32, batch_timeout=0.001)

    def batch(self, inputs):
        return inputs

    def unbatch(self, output):
        return output


class IrisAPI(BatchAPI):
    def setup(self, device):
        self.iris = Iris()

    def decode_request(self, request):
        return [request[feature] for feature in FEATURES]

    def predict(self, rows):
        return self.iris(rows)

    def encode_response(self, output):
        return output


def run(api):
    """Serve `api` on the port that the command line names."""
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )


if __name__ == "__main__":
    run(IrisAPI())
