#!/usr/bin/env bash
# OpenRLHF with our rewards: its remote reward, nothing to install beside it.
#
#   safegrpo serve --port 8700 --profile paper &
#   python examples/prepare_rows.py safetag.jsonl openrlhf data/openrlhf --profile paper
#   MODEL=Qwen/Qwen3-VL-4B-Instruct GPUS=8 examples/openrlhf_grpo.sh
#
# The profile is the one that the service was started with. Several replicas: addresses separated by
# commas. Wants GPUs with vLLM. What OpenRLHF sends and reads is tried in contracts/test_openrlhf.py,
# and these arguments are.
set -euo pipefail
python -m openrlhf.cli.train_ppo_ray \
    --actor.model_name_or_path "$MODEL" \
    --actor.num_gpus_per_node "${GPUS:-8}" \
    --ref.num_gpus_per_node "${GPUS:-8}" \
    --vllm.num_engines "${GPUS:-8}" \
    --train.colocate_all \
    --vllm.enable_sleep \
    --ds.enable_sleep \
    --ds.zero_stage 3 \
    --actor.gradient_checkpointing_enable \
    --data.prompt_dataset data/openrlhf/train.jsonl \
    --data.input_key prompt \
    --data.label_key label \
    --data.apply_chat_template \
    --data.image_key images \
    --data.max_images_per_prompt 1 \
    --data.max_len 6144 \
    --rollout.max_new_tokens 4096 \
    --rollout.n_samples_per_prompt 8 \
    --algo.advantage.estimator group_norm \
    --algo.kl.use_loss \
    --algo.kl.estimator k3 \
    --algo.kl.init_coef 0.01 \
    --reward.remote_url "${URL:-http://127.0.0.1:8700}/openrlhf" \
    "$@"
