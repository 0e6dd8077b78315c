"""The metrics of a model with any module."""

from tests.tensor_models import lenet, open_models, tokens, two_inputs


async def test_classes_passes_and_rows_are_counted() -> None:
    async with open_models(tokens(), two_inputs(), lenet()) as client:
        answer = await client.post("/predict", json={"instances": [[1, 2], [3, 4], [5, 6]]})
        labels = [each["class"] for each in answer.json()["predictions"]]
        body = {"a": [1, 2, 3], "b": [4, 5]}
        assert (await client.post("/models/two/predict", json=body)).status_code == 200
        assert (await client.post("/models/two/predict", json={})).status_code == 422
        lines = (await client.get("/metrics")).text.splitlines()
    samples = [line.rpartition(" ") for line in lines if not line.startswith("#")]
    counted = {name: float(value) for name, _, value in samples}
    for label in ("no", "yes"):
        name = f'predictions_total{{class="{label}",model="tokens"}}'
        assert counted[name] == labels.count(label)
    assert counted['prediction_batch_size_sum{model="tokens",version="1"}'] == 3
    assert counted['forward_passes_total{model="two",rows="1",version="1"}'] == 1
    assert not any(name.startswith("predictions_total") and "two" in name for name in counted)
    success = 'inference_requests_total{model="two",result="success",version="1"}'
    assert counted[success] == 1
