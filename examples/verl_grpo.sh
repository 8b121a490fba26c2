#!/usr/bin/env bash
# verl with our rewards: GRPO, or GDPO over the components.
#
#   safegrpo serve --port 8700 --profile paper &
#   python examples/prepare_rows.py safetag.jsonl verl data/verl --profile paper
#   MODEL=Qwen/Qwen3-VL-4B-Instruct examples/verl_grpo.sh trainer.n_gpus_per_node=8
#
# Wants GPUs with vLLM. What verl calls of ours is tried in contracts/test_verl.py, and these arguments
# are. For GDPO add
#
#   algorithm.adv_estimator=gdpo '+algorithm.gdpo_reward_keys=[tag,behavior]' reward.reward_manager.name=gdpo
set -euo pipefail
python -m verl.trainer.main_ppo \
    algorithm.adv_estimator=grpo \
    data.train_files=data/verl/train.parquet \
    data.val_files=data/verl/train.parquet \
    data.image_key=images \
    data.train_batch_size=128 \
    data.max_prompt_length=2048 \
    data.max_response_length=4096 \
    actor_rollout_ref.model.path="$MODEL" \
    actor_rollout_ref.rollout.name=vllm \
    actor_rollout_ref.rollout.n=8 \
    actor_rollout_ref.actor.ppo_mini_batch_size=128 \
    actor_rollout_ref.actor.use_dynamic_bsz=true \
    actor_rollout_ref.actor.use_kl_loss=true \
    actor_rollout_ref.actor.kl_loss_coef=0.01 \
    reward.custom_reward_function.path=pkg://train_client.integrations.for_verl \
    reward.custom_reward_function.name=compute_score \
    +reward.custom_reward_function.reward_kwargs.url="${URL:-http://127.0.0.1:8700}" \
    +reward.custom_reward_function.reward_kwargs.profile="${PROFILE:-paper}" \
    'trainer.logger=[console]' \
    "$@"
