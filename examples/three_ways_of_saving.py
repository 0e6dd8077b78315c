"""Save a model in three ways, and see what each needs to come back.

Run it: python examples/three_ways_of_saving.py
Source: machinelearningmastery.com, "Save and Load Your PyTorch Models".
"""

import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from stateserve.model.architectures import Multiclass

folder = Path(tempfile.mkdtemp())
model = Multiclass(batch_norm=True).eval()
rows = torch.tensor([[5.1, 3.5, 1.4, 0.2]])

print("A state_dict is an ordered map from name to tensor:")
parameters = dict(model.named_parameters())
for name, tensor in model.state_dict().items():
    kind = "parameter" if name in parameters else "buffer"
    print(f"  {name:25} {kind:9} {tuple(tensor.shape)}")

print("\n1. pickle.dump(state_dict): works, but a pickle can run any code when loaded")
path = folder / "state.pickle"
path.write_bytes(pickle.dumps(model.state_dict()))
first = Multiclass(batch_norm=True).eval()
first.load_state_dict(pickle.loads(path.read_bytes()))
print("   same answer:", torch.equal(first(rows), model(rows)))

print("\n2. torch.save(state_dict): recommended, torch.load admits tensors and nothing else")
torch.save(model.state_dict(), folder / "state.pth")
second = Multiclass(batch_norm=True).eval()
second.load_state_dict(torch.load(folder / "state.pth"))
print("   same answer:", torch.equal(second(rows), model(rows)))
copied = all(
    torch.equal(a, b) for a, b in zip(second.parameters(), model.parameters(), strict=True)
)
shared = second.hidden.weight.data_ptr() == model.hidden.weight.data_ptr()
print(f"   parameters are copied: {copied}, and the memory is shared: {shared}")

print("\n3. torch.save(model): the file names the class but does not hold it")
torch.save(model, folder / "model.pth")
try:
    torch.load(folder / "model.pth")
except pickle.UnpicklingError as error:
    print("   torch.load refuses:", str(error).split(".")[0])


class OfThisScript(torch.nn.Module):
    pass


file = str(folder / "script.pth")
torch.save(OfThisScript(), file)
load = f"import torch; torch.load({file!r}, weights_only=False)"
result = subprocess.run([sys.executable, "-c", load], check=False, capture_output=True, text=True)
print("   a process without the class:", result.stderr.strip().splitlines()[-1])
