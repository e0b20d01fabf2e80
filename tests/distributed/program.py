"""What one process of a group does, with either library: `program.py LIBRARY RANK WORLD STORE` prints what it saw as JSON."""

import importlib
import json
import sys

library, rank, world, path = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
if library == "rushlight":
    importlib.import_module("rushlight.alias").install()
torch = importlib.import_module("torch")
dist = importlib.import_module("torch.distributed")
parallel = importlib.import_module("torch.nn.parallel")
seen = {}


def note(name, call):
    try:
        value = call()
    except Exception as error:
        value = f"{type(error).__name__}"
    seen[name] = json.loads(json.dumps(value, default=lambda v: v.tolist() if isinstance(v, torch.Tensor) else str(v)))


def mine(dtype=torch.float32):
    return (torch.arange(6).reshape(2, 3) + 1 + 10 * rank).to(dtype)


def reduced(op, dtype=torch.float32):
    x = mine(dtype)
    dist.all_reduce(x, op=op)
    return x.float() if dtype is torch.bfloat16 else x


def with_lists(function):
    parts = [torch.zeros(2, 3) for _ in range(world)]
    function(parts)
    return parts


def collectives():
    ops = dist.ReduceOp
    for name in ("SUM", "PRODUCT", "MIN", "MAX", "AVG"):
        for kind in (torch.float32, torch.int64, torch.bfloat16):
            note(f"all_reduce {name} {kind}", lambda name=name, kind=kind: reduced(getattr(ops, name), kind))
    for name in ("BAND", "BOR", "BXOR"):
        note(f"all_reduce {name}", lambda name=name: reduced(getattr(ops, name), torch.int64))
        note(f"all_reduce {name} of floats", lambda name=name: reduced(getattr(ops, name)))
    big = torch.arange(100_001).double() * (rank + 1)
    dist.all_reduce(big)
    note("big", lambda: [big[0], big[-1], big.sum()])
    strided = mine().t()
    dist.broadcast(strided, src=world - 1)
    note("broadcast", lambda: strided)
    note("all_gather", lambda: with_lists(lambda parts: dist.all_gather(parts, mine())))
    whole = torch.zeros(2 * world, 3)
    dist.all_gather_into_tensor(whole, mine())
    note("all_gather_into_tensor", lambda: whole)
    note("gather", lambda: with_lists(lambda parts: dist.gather(mine(), parts if rank == 0 else None, dst=0)))
    x = mine()
    dist.scatter(x, [mine() + place for place in range(world)] if rank == 1 else None, src=1)
    note("scatter", lambda: x)
    if rank == 1:
        y = mine()
        dist.reduce(y, dst=1)
        note("reduce", lambda: y)
    else:
        dist.reduce(mine(), dst=1)
    z = torch.zeros(2, 3)
    dist.reduce_scatter(z, [mine() + place for place in range(world)])
    note("reduce_scatter", lambda: z)
    out = torch.zeros(world * 2)
    dist.all_to_all_single(out, torch.arange(world * 2.0) + 100 * rank)
    note("all_to_all_single", lambda: out)
    parameter = torch.nn.Parameter(mine())
    work = dist.all_reduce(parameter, async_op=True)
    note("work", lambda: [work.wait(), work.is_completed(), parameter.requires_grad, parameter.detach()])


def messages_and_groups():
    if rank == 0:
        dist.send(torch.arange(4), dst=1, tag=3)
        dist.send_object_list([{"a": 1}, "b"], dst=1)
    elif rank == 1:
        x = torch.zeros(4, dtype=torch.int64)
        note("recv", lambda: [dist.recv(x, tag=3), x])
        objects = [None, None]
        dist.recv_object_list(objects, src=0)
        note("recv_object_list", lambda: objects)
    objects = [None] * world
    dist.all_gather_object(objects, {"rank": rank})
    note("all_gather_object", lambda: objects)
    sent = [rank, "x"] if rank == 0 else [None, None]
    dist.broadcast_object_list(sent, src=0)
    note("broadcast_object_list", lambda: sent)
    alone = dist.new_group([1])
    note("group", lambda: [dist.get_rank(alone), dist.get_world_size(alone), str(dist.get_backend())])
    x = mine()
    if rank == 1:
        dist.all_reduce(x, group=alone)
    note("group's all_reduce", lambda: x)
    if rank == 1:
        note(
            "ranks",
            lambda: [
                dist.get_process_group_ranks(alone),
                dist.get_group_rank(alone, 1),
                dist.get_global_rank(alone, 0),
            ],
        )
        note("no rank", lambda: dist.get_group_rank(alone, 0))
    note(
        "wrong list", lambda: dist.gather(mine(), [torch.zeros(1)] if rank == 1 else None, dst=0) if rank == 1 else None
    )
    dist.barrier()


def training():
    torch.manual_seed(rank)
    layers = (torch.nn.Linear(5, 7), torch.nn.BatchNorm1d(7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
    model = parallel.DistributedDataParallel(torch.nn.Sequential(*layers))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for step in range(6):
        x, y = torch.randn(4, 5), torch.randint(3, (4,))
        if step % 3 == 1:
            with model.no_sync():
                torch.nn.functional.cross_entropy(model(x), y).backward()
            continue
        torch.nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        optimizer.zero_grad()
    note("trained", lambda: dict(model.state_dict()))
    torch.manual_seed(0)
    branches = torch.nn.ModuleList([torch.nn.Linear(2, 2) for _ in range(3)])
    branches.forward = lambda x: branches[rank](x)
    unused = parallel.DistributedDataParallel(branches, find_unused_parameters=True)
    for _ in range(2):
        unused(torch.ones(1, 2) * (rank + 1)).sum().backward()
    note("unused", lambda: [parameter.grad for parameter in unused.parameters()])
    strict = parallel.DistributedDataParallel(branches)
    strict(torch.ones(1, 2)).sum().backward()
    note("unused, not allowed", lambda: strict(torch.ones(1, 2)))


dist.init_process_group("gloo", init_method=f"file://{path}", rank=rank, world_size=world)
collectives()
messages_and_groups()
training()
sampler = torch.utils.data.DistributedSampler(range(7))
note("sampler", lambda: [list(sampler), sampler.num_replicas, sampler.rank])
dist.destroy_process_group()
note("after", lambda: [dist.is_initialized()])
print(json.dumps(seen))
