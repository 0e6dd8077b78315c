"""TorchServe.

Followed: as in handler.py; a handler that makes its own module, as "Custom Service" allows.
Settings: as in handler.py.
"""

from ts.torch_handler.base_handler import BaseHandler

from benchmarks.peers.lenet import Classifier


class LeNetHandler(BaseHandler):
    def initialize(self, context):
        self.classifier = Classifier()
        self.initialized = True

    def handle(self, data, context):
        return self.classifier([bytes(row.get("data") or row["body"]) for row in data])
