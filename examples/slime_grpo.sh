#!/usr/bin/env bash
# slime with our rewards: its remote reward, nothing to install beside it. In slime's folder, with your
# model's own arguments of its train.py, as in one of its scripts:
#
#   safegrpo serve --port 8700 --profile paper &
#   python SAFEGRPO/examples/prepare_rows.py safetag.jsonl slime data/slime --profile paper
#   SAFEGRPO/examples/slime_grpo.sh "${MODEL_ARGS[@]}" "${PERF_ARGS[@]}" …
#
# SAFEGRPO is a checkout of this repository. The profile is the one that the service was started with.
# slime opens 64 connections at most. What it sends and reads is tried in contracts/test_checkouts.py.
set -euo pipefail
python train.py \
    --prompt-data data/slime/train.jsonl \
    --input-key prompt \
    --label-key label \
    --multimodal-keys '{"image": "images"}' \
    --apply-chat-template \
    --rm-type remote_rm \
    --rm-url "${URL:-http://127.0.0.1:8700}/slime" \
    --reward-key reward \
    --log-reward-category outcome \
    --n-samples-per-prompt 8 \
    --rollout-max-response-len 4096 \
    --advantage-estimator grpo \
    "$@"
