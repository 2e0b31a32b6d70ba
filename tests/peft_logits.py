"""Run by a Python that has PyTorch and PEFT: a model's logits with adapters, as JSON.

``peft_logits.py BASE TOKENS ADAPTER…`` prints one list of rows for each adapter.
"""

from __future__ import annotations

import json
import sys
import warnings


def main(base: str, tokens: str, *adapters: str) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    warnings.simplefilter("ignore")
    found = []
    for adapter in adapters:
        model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
        tuned = PeftModel.from_pretrained(model, adapter).eval()
        with torch.no_grad():
            found.append(tuned(torch.tensor([json.loads(tokens)])).logits[0].tolist())
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
