"""How the embedded model is made: SmolLM2-135M, fine-tuned to write SQL, made small."""
