"""LitServe. Followed and settings: as in server.py."""

import base64

from server import BatchAPI, run

from benchmarks.peers.lenet import Classifier


class LeNetAPI(BatchAPI):
    def setup(self, device):
        self.classifier = Classifier()

    def decode_request(self, request):
        return base64.b64decode(request["picture"])

    def predict(self, bodies):
        return self.classifier(bodies)

    def encode_response(self, output):
        return {"scores": base64.b64encode(output).decode()}


if __name__ == "__main__":
    run(LeNetAPI())
