"""How surprised a model is by replies it has never seen."""

from collections.abc import Mapping, Sequence

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


def surprises(model: PreTrainedModel, groups: Mapping[str, Sequence[Row]]) -> tuple[float, dict[str, float]]:
    """`surprise` over all rows, and over those of each group."""
    each = {name: surprise(model, rows) for name, rows in groups.items()}
    counts = {name: sum(label != IGNORED for row in rows for label in row.labels[1:]) for name, rows in groups.items()}
    if len(each) == 1:
        return next(iter(each.values())), each
    return sum(each[name] * counts[name] for name in each) / max(1, sum(counts.values())), each
