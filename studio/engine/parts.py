"""One model laid over several processes (`accelerate launch --use_fsdp`): each keeps a part of every decoder layer and borrows the rest while it computes.

Only frozen weights of the layers are shared out, as that is where the memory is. Embedding, head and adapter stay whole in every process: the quick step
reads the head directly, and an adapter that is whole is learned and saved like that of any other lesson.
"""

import logging
from typing import Any

from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from trl import SFTConfig, SFTTrainer

from studio.engine import team


class Config(SFTConfig):
    """Settings of a trainer that leaves the model where it is: no card could hold all of it."""

    place_model_on_device = False


def lay_out(trainer: SFTTrainer) -> None:
    """Share the layers out among the processes, and bring what stays whole to the device of this one."""
    model, place = trainer.model, trainer.args.device
    mesh, taught = init_device_mesh(place.type, (team.size(),)), {weight for weight in model.parameters() if weight.requires_grad}
    stack = model.get_decoder()
    for layer in stack.layers:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True, ignored_params=taught)
    fully_shard(stack, mesh=mesh, ignored_params={weight for weight in stack.parameters() if not isinstance(weight, DTensor)})
    for whole in (*model.parameters(), *model.buffers()):
        if not isinstance(whole, DTensor):
            whole.data = whole.data.to(place)
    trainer.is_distributed_loading_by_transformers = True  # then it averages the adapter's gradients itself: DDP takes no model in parts
    mine, all_ = held(stack)
    logging.info("Keeps %d of the %d bytes of the layers.", mine, all_)


def held(stack: Any) -> tuple[int, int]:
    """Bytes of the layers' frozen weights that this process keeps, and that all keep together."""
    parts = [weight for weight in stack.layers.parameters() if isinstance(weight, DTensor)]
    return sum(part.to_local().untyped_storage().nbytes() for part in parts), sum(part.numel() * part.element_size() for part in parts)
