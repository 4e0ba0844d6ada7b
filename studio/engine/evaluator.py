"""How surprised a model is by replies it has never seen."""

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from studio.engine.encoder import IGNORED, Row


@torch.no_grad()
def surprise(model: PreTrainedModel, rows: Sequence[Row]) -> float:
    """Mean negative log-likelihood in nats per learned token, all rows weighted by their tokens. Scores only learned positions (rows one by one)."""
    training = model.training
    model.eval()
    total, count = 0.0, 0
    for row in rows:
        labels = torch.tensor(row.labels, device=model.device)
        places = (labels[1:] != IGNORED).nonzero().squeeze(1)
        if not len(places):
            continue
        logits = model(input_ids=torch.tensor([row.ids], device=model.device), logits_to_keep=places, use_cache=False).logits[0]
        total += float(torch.nn.functional.cross_entropy(logits.float(), labels[places + 1], reduction="sum"))
        count += len(places)
    model.train(training)
    return total / max(1, count)
