"""A GRPO client: samples from a vision-language policy, has it scored over HTTP, learns."""
