"""vLLM: the real model server, installed once beside Assay and shown to Pods."""

from clusters.vllm.installation import HOW_TO_GET_IT, Installation, installed

__all__ = ["HOW_TO_GET_IT", "Installation", "installed"]
