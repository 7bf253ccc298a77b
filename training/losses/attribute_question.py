"""Answer a question about a masked attribute by telling its answer from those of the batch.

Source: the question answering task of SG-IHA (https://github.com/Zjamie813/SG-IHA, named ``mcq``
there), after Ge et al., Bridging Video-text Retrieval with Multiple Choice Questions, CVPR 2022
(https://arxiv.org/abs/2201.04850, section 3.2). With S the cosines of answers and of what the
bridge makes of crop and question, ``CE(S / tau, i) + CE(S^T / tau, i)``: the sum, not the half.
"""

import torch
from torch.nn import functional

EPSILON = 1e-8


def attribute_question(
    answers: torch.Tensor, bridged: torch.Tensor, *, temperature: float = 0.04
) -> torch.Tensor:
    """Return the sum of the cross entropies in both directions: a scalar.

    Two equal answers in a batch count as wrong answers of each other.

    Args:
        answers: Features of the answers ``(n, d)``, of any length; a zero row stays zero.
        bridged: Of their questions with the crops ``(n, d)``, in the same order.
        temperature: What the cosines are divided by.
    """
    unit_answers = functional.normalize(answers.float(), dim=1, eps=EPSILON)
    unit_bridged = functional.normalize(bridged.float(), dim=1, eps=EPSILON)
    logits = unit_answers @ unit_bridged.T / temperature  # (n, n)
    own = torch.arange(len(answers), device=answers.device)
    return functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)
