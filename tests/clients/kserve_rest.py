"""Calls the server at argv[1] with KServe's client; prints the answers as JSON.

A separate program, because the client needs packages that the tests do not have.
"""

import asyncio
import json
import sys

import httpx
import numpy as np

# jsonschema goes without it; its import compiles a grammar for seconds.
sys.modules["rfc3987_syntax"] = None
from kserve import InferenceRESTClient, InferInput, InferOutput, InferRequest, RESTConfig  # noqa: E402

MODEL = "iris-model"


def values(output: InferOutput) -> list:
    return output.as_numpy().tolist() if output.datatype != "BYTES" else list(output.data)


async def main(url: str, rows: list[list[float]]) -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", retries=0))
    answers = {
        "live": await client.is_server_live(url),
        "ready": await client.is_server_ready(url),
        "model ready": await client.is_model_ready(url, MODEL),
        "answers": [],
    }
    for binary in (False, True):
        tensor = InferInput("input", [len(rows), 4], "FP32")
        tensor.set_data_from_numpy(np.array(rows, np.float32), binary_data=binary)
        request = InferRequest(MODEL, [tensor], request_id="mine")
        answer = await client.infer(url, request, model_name=MODEL)
        outputs = {output.name: values(output) for output in answer.outputs}
        answers["answers"].append(outputs | {"id": answer.id})
    try:
        await client.infer(url, {"inputs": []}, model_name=MODEL)
    except httpx.HTTPStatusError as error:
        answers["error"] = str(error)
    print(json.dumps(answers))


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
