#!/usr/bin/env bash
# Starts the MLflow server and UI on this machine's own address 127.0.0.1, unless it runs already.
# It outlives the ssh session that started it. Usage: start.sh [PORT]
set -eu
port=${1:-5000}
answers() { (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; }
answers && exit 0
setsid nohup mmatune server --port "$port" > ~/mlflow-server.out 2>&1 < /dev/null &
for _ in $(seq 180); do
  answers && exit 0
  sleep 1
done
echo "the MLflow server does not answer:" >&2
tail -n 5 ~/mlflow-server.out >&2
exit 1
