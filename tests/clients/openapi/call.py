"""Calls the service at the address in the arguments with the generated package `generated`."""

import json
import sys

from generated import Client
from generated.api.explain import explain
from generated.api.models import list_models
from generated.api.predict import predict
from generated.models import Instance, Instances, Prediction, Predictions, Problem

client = Client(sys.argv[1])
flower = Instance(5.1, 3.5, 1.4, 0.2)
one = predict.sync(client=client, body=flower)
many = predict.sync(client=client, body=Instances([flower, flower]))
assert isinstance(one, Prediction)
assert isinstance(many, Predictions)
listed = list_models.sync(client=client)
why = explain.sync(client=client, body=flower)
wrong = predict.sync(client=client, body=Instance(5.1, 3.5, 1.4, "0.2"))
assert isinstance(wrong, Problem)
found = {
    "class": one.class_.value,
    "classes": [each.class_.value for each in many.predictions],
    "default": listed.default,
    "problem": wrong.detail,
}
assert why.class_ == "setosa"
print(json.dumps(found))
