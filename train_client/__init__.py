"""A GRPO client: samples from a vision-language policy, has the service score it over HTTP, learns."""
