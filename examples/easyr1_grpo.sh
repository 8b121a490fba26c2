#!/usr/bin/env bash
# EasyR1 with our rewards. In EasyR1's folder, on GPUs with vLLM:
#
#   safegrpo serve --port 8700 --profile paper &
#   python SAFEGRPO/examples/prepare_rows.py safetag.jsonl easyr1 data/easyr1 --profile paper
#   MODEL=Qwen/Qwen3-VL-4B-Instruct SAFEGRPO/examples/easyr1_grpo.sh examples/config.yaml
#
# SAFEGRPO is a checkout of this repository, installed there too; the argument is one of EasyR1's
# configurations. What it calls of ours is tried in contracts/test_checkouts.py.
set -euo pipefail
function=$(python -c 'import importlib.util as u; print(u.find_spec("train_client.integrations.for_easyr1").origin)')
python -m verl.trainer.main \
    config="$1" \
    data.train_files=data/easyr1/train.parquet \
    data.val_files=data/easyr1/train.parquet \
    data.prompt_key=problem \
    data.answer_key=labels \
    data.image_key=images \
    data.format_prompt=null \
    data.max_response_length=4096 \
    worker.actor.model.model_path="$MODEL" \
    worker.rollout.n=8 \
    worker.reward.reward_function="$function:main" \
    worker.reward.reward_function_kwargs="{\"url\": \"${URL:-http://127.0.0.1:8700}\", \"profile\": \"${PROFILE:-paper}\"}" \
    "${@:2}"
