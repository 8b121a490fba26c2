"""Starts the reward service where NeMo Gym wants a server of its own making.

NeMo Gym runs this file with its whole configuration in the environment.
"""

import os

import yaml

name = os.environ["NEMO_GYM_CONFIG_PATH"]
(server,) = yaml.safe_load(os.environ["NEMO_GYM_CONFIG_DICT"])[name]["resources_servers"].values()
settings = [f"--{key}={server[key]}" for key in ("host", "port", "profile")]
# Without the folders that NeMo Gym puts on the import path: it has modules named `app`, too.
environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
os.execvpe("safegrpo", ["safegrpo", "serve", *settings], environment)
