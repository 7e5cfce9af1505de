"""Makes a tiny model that vLLM can serve, without a model hub: `tiny_model.py FOLDER`.

A Llama of 140 thousand random parameters with a tokenizer of 512 tokens. What it writes is
gibberish, and always the same for the same settings.
"""

import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT = 512
"""Tokens of prompt and answer together."""
_VOCABULARY = 512
_SPECIAL = ("<s>", "</s>", "<pad>")
_SENTENCES = (
    "Kubernetes schedules Pods onto nodes, and gives them devices by a ResourceClaim.",
    "vLLM serves large language models with paged attention and continuous batching.",
)
_CHAT = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer of bytes and of what is common in two sentences."""
    bytewise = Tokenizer(models.BPE(unk_token=None))
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=_VOCABULARY,
        special_tokens=list(_SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    bytewise.train_from_iterator(_SENTENCES * 50, trainer)
    begin, end, padding = _SPECIAL
    fast = PreTrainedTokenizerFast(
        tokenizer_object=bytewise, bos_token=begin, eos_token=end, pad_token=padding
    )
    fast.chat_template = _CHAT
    fast.model_max_length = CONTEXT
    return fast


def model() -> LlamaForCausalLM:
    """Return a model of random weights, the same every time."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=_VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
        dtype="bfloat16",
    )
    return LlamaForCausalLM(config).to(torch.bfloat16)


if __name__ == "__main__":
    tokenizer().save_pretrained(sys.argv[1])
    model().save_pretrained(sys.argv[1])
