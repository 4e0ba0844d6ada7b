"""How surprised a model is by replies it has never seen."""

from collections.abc import Mapping, Sequence

import torch
from transformers import PreTrainedModel

from studio.engine.encoder import IGNORED, Row


@torch.no_grad()
def surprise(model: PreTrainedModel, rows: Sequence[Row]) -> float:
    """Mean negative log-likelihood in nats per learned token, all rows weighted by their tokens. Scores only learned positions (rows one by one);
    a model from `core.with_learned_loss` never holds what it scores.
    """
    training = model.training
    model.eval()
    total, count = 0.0, 0
    for row in rows:
        ids, labels = (torch.tensor([numbers], device=model.device) for numbers in (row.ids, row.labels))
        places = (labels[0, 1:] != IGNORED).nonzero().squeeze(1)
        if not len(places):
            continue
        if getattr(model, "learned_loss", False):
            total += float(model(input_ids=ids, labels=labels, learned=True).loss)
        else:
            logits = model(input_ids=ids, logits_to_keep=places, use_cache=False).logits[0]
            total += float(torch.nn.functional.cross_entropy(logits.float(), labels[0, places + 1], reduction="sum"))
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
