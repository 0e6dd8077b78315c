"""Calls the server at argv[1] with KServe's gRPC client; prints the answers as JSON.

A separate program, because the client needs packages that the tests do not have.
"""

import asyncio
import json
import sys

import grpc
import numpy as np

# jsonschema goes without it; its import compiles a grammar for seconds.
sys.modules["rfc3987_syntax"] = None
from kserve import InferenceGRPCClient, InferInput, InferOutput, InferRequest  # noqa: E402

MODEL = "iris-model"


def values(output: InferOutput) -> list:
    found = output.as_numpy().ravel().tolist()
    return [each.decode() if isinstance(each, bytes) else each for each in found]


async def main(address: str, rows: list[list[float]]) -> None:
    client = InferenceGRPCClient(address, retries=0)
    answers = {
        "live": await client.is_server_live(),
        "ready": await client.is_server_ready(),
        "model ready": await client.is_model_ready(MODEL),
        "answers": [],
    }
    for binary in (False, True):
        tensor = InferInput("input", [len(rows), 4], "FP32")
        tensor.set_data_from_numpy(np.array(rows, np.float32), binary_data=binary)
        answer = await client.infer(InferRequest(MODEL, [tensor], request_id="mine"))
        outputs = {output.name: values(output) for output in answer.outputs}
        answers["answers"].append(outputs | {"id": answer.id})
    try:
        await client.infer(InferRequest(MODEL, []))
    except grpc.RpcError as error:
        answers["error"] = error.details()
    await client.close()
    print(json.dumps(answers))


asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
