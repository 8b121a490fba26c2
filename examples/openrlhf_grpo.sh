#!/usr/bin/env bash
# OpenRLHF with our rewards: its remote reward, nothing to install beside it.
#
#   safegrpo serve --port 8700 --profile paper &
#   python examples/prepare_rows.py safetag.jsonl openrlhf data/openrlhf --profile paper
#   MODEL=Qwen/Qwen3-VL-4B-Instruct examples/openrlhf_grpo.sh
#
# The profile is the one that the service was started with. Several replicas: addresses separated by
# commas. Wants GPUs with vLLM. What OpenRLHF sends and reads is tried in contracts/test_openrlhf.py.
set -euo pipefail
python -m openrlhf.cli.train_ppo_ray \
    --actor.model_name_or_path "$MODEL" \
    --data.prompt_dataset data/openrlhf/train.jsonl \
    --data.input_key prompt \
    --data.label_key label \
    --data.image_key images \
    --reward.remote_url "${URL:-http://127.0.0.1:8700}/openrlhf" \
    --rollout.n_samples_per_prompt 8 \
    --algo.advantage.estimator group_norm \
    "$@"
