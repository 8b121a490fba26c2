#!/usr/bin/env bash
# ms-swift with our rewards, and their raw values in its logs.
#
#   safegrpo serve --port 8700 --profile paper &
#   python examples/prepare_rows.py safetag.jsonl ms-swift data/ms-swift --profile paper
#   MODEL=Qwen/Qwen3-VL-4B-Instruct examples/ms_swift_grpo.sh
#
# Wants a GPU with vLLM (NPROC_PER_NODE=8: eight), samples 8 prompts a step on each, and trains a LoRA
# adapter unless `--tuner_type full` is added. What ms-swift calls of ours is tried in
# contracts/test_ms_swift.py.
set -euo pipefail
export SAFEGRPO_REWARD_URL="${URL:-http://127.0.0.1:8700}"
export SAFEGRPO_REWARD_PROFILE="${PROFILE:-paper}"
plugin=$(python -c 'import importlib.util as u; print(u.find_spec("train_client.integrations.for_ms_swift").origin)')
swift rlhf \
    --rlhf_type grpo \
    --model "$MODEL" \
    --dataset data/ms-swift/train.jsonl \
    --external_plugins "$plugin" \
    --reward_funcs safegrpo safegrpo_raw_format safegrpo_raw_tag safegrpo_raw_behavior \
    --reward_weights 1 0 0 0 \
    --use_vllm true \
    --vllm_mode colocate \
    --num_generations 8 \
    --gradient_accumulation_steps 64 \
    --max_completion_length 4096 \
    --beta 0.01 \
    "$@"
