"""The network: a small transformer encoder over token ids of any length, with a padding mask."""

import torch
from torch import Tensor, nn

PAD = 0


class TextClassifier(nn.Module):
    """Map int64 token ids (rows, length) to float32 logits (rows, classes). PAD is no token."""

    def __init__(self, vocabulary: int, classes: int, width: int = 32, longest: int = 64) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width, padding_idx=PAD)
        self.positions = nn.Embedding(longest, width)
        layer = nn.TransformerEncoderLayer(width, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.classifier = nn.Linear(width, classes)

    def forward(self, ids: Tensor) -> Tensor:
        padding = ids == PAD
        places = torch.arange(ids.shape[1], device=ids.device)
        hidden = self.encoder(
            self.tokens(ids) + self.positions(places), src_key_padding_mask=padding
        )
        kept = (~padding).unsqueeze(2)
        mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1)
        return self.classifier(mean)  # type: ignore[no-any-return]
