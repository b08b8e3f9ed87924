"""What does not fit between a base and the models that become its experts, said all at once."""

from collections.abc import Iterator, Mapping

from alloyengine.checkpoint.structure import Stack
from alloyengine.checkpoint.tokens import ids_of
from alloyengine.errors import InputError
from alloyengine.merge.fit import Fit
from alloyengine.merge.lineup import Role
from alloyengine.merge.members import Member
from alloyengine.moe.kinds import Kind
from alloyengine.spec.moe import MoeRecipe

_QKV = ("q_proj.bias", "k_proj.bias", "v_proj.bias")


def check(recipe: MoeRecipe, members: Mapping[str, Member], kind: Kind) -> Stack:
    """The base's layers. InputError when models differ in kind, shape or tokenizer, or have weights
    that the sparse architecture has no place for.
    """
    base = members[recipe.base_model]
    stack = _stack(base)
    others = {name: members[name] for name in dict.fromkeys(e.source_model for e in recipe.sources)}
    for name, member in others.items():
        _check_family(base, name, member)
    fit = Fit()
    for member in others.values():
        _compare(base, member, fit)
    fit.check()
    _check_layers(base, stack, kind)
    return stack


def notes(recipe: MoeRecipe, members: Mapping[str, Member]) -> Iterator[str]:
    """What is not wrong, but good to know."""
    count = len(recipe.experts)
    if count & (count - 1):
        yield f"{count} experts are no power of two: llama.cpp and some kernels want one."
    if count == recipe.experts_per_token and not recipe.shared_experts:
        yield "Every token sees all experts: the result is as slow as all of them together."
    ours = ids_of(members[recipe.base_model].model.path)
    for name in dict.fromkeys(expert.source_model for expert in recipe.sources):
        more = ids_of(members[name].model.path).keys() - ours.keys()
        if ours and more:
            yield f"{name} has {len(more)} tokens more than the base, which the result will not know."


def _stack(base: Member) -> Stack:
    if not base.structure.stacks:
        raise InputError("no_layers", f"{base.reference} has no layers that could get experts.")
    return base.structure.stacks[0]


def _check_family(base: Member, name: str, member: Member) -> None:
    ours, theirs = (m.model.config.get("model_type") for m in (base, member))
    if ours != theirs:
        raise InputError(
            "models_differ",
            f"{name} is a {theirs} model, the base {base.reference} a {ours} model.",
            "Use experts that were tuned from the base, or from one base all of them.",
        )
    if member is not base:
        _check_tokens(base, name, member)


def _check_tokens(base: Member, name: str, member: Member) -> None:
    """More tokens do no harm: an expert never sees a token, only what the base makes of it."""
    ours, theirs = ids_of(base.model.path), ids_of(member.model.path)
    moved = [token for token in ours.keys() & theirs.keys() if ours[token] != theirs[token]]
    if not moved:
        return
    token = min(moved, key=ours.__getitem__)
    more = f"; {len(moved)} tokens differ so" if len(moved) > 1 else ""
    raise InputError(
        "models_differ",
        f"The tokenizers differ: {token!r} is token {ours[token]} of {base.reference} and "
        f"{theirs[token]} of {name}{more}.",
        "Use experts that were tuned from the base, with its tokenizer.",
    )


def _compare(base: Member, member: Member, fit: Fit) -> None:
    """All tensors of the layers must be there, in the base's shapes."""
    for tensor, wanted in base.tensors.items():
        role = Role(member.reference, tensor, {})
        if base.structure.place(tensor) is None or base.structure.is_spare(tensor):
            continue
        if tensor not in member.tensors:
            fit.missing(role, Role(base.reference, tensor, {}))
        elif member.tensors[tensor].shape != wanted.shape:
            fit.differs(role, member.tensors[tensor], base, wanted)


def _check_layers(base: Member, stack: Stack, kind: Kind) -> None:
    """Every layer must have the MLP's three matrices, and nothing that gets lost."""
    prefix = kind.mlp["gate"].partition(".")[0]
    for number in range(stack.length):
        names = base.layer(stack.prefix, number)
        for name in kind.mlp.values():
            if name not in names:
                tensor = f"{stack.prefix}.{number}.{name}"
                raise InputError("tensor_missing", f"{base.reference} has no tensor {tensor!r}.")
        for name in names:
            inside = name.startswith(f"{prefix}.") and name not in kind.mlp.values()
            if inside or _is_lost(name, kind):
                raise InputError(
                    "models_differ",
                    f"{base.reference} has {f'{stack.prefix}.{number}.{name}'!r}, for which "
                    f"{kind.name} has no place.",
                    "Choose another architecture, or models without it.",
                )


def _is_lost(name: str, kind: Kind) -> bool:
    if not name.endswith(".bias") or kind.biases == "as they are":
        return False
    return kind.biases == "none" or not name.endswith(_QKV)
