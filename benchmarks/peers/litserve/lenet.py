"""LitServe. Followed and settings: as in server.py."""

import base64
import sys

import litserve

from benchmarks.peers.lenet import Classifier


class LeNetAPI(litserve.LitAPI):
    def setup(self, device):
        self.classifier = Classifier()

    def decode_request(self, request):
        return base64.b64decode(request["picture"])

    def batch(self, inputs):
        return inputs

    def predict(self, bodies):
        return self.classifier(bodies)

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        return {"scores": base64.b64encode(output).decode()}


if __name__ == "__main__":
    api = LeNetAPI(max_batch_size=32, batch_timeout=0.001)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(
        host="127.0.0.1",
        port=int(sys.argv[1]),
        num_api_servers=1,
        log_level="warning",
        generate_client_file=False,
    )
